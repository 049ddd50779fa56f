package discovery

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
)

// dnsServer answers every question about name with the records that the test has
// set, and knows no other name.
type dnsServer struct {
	name string // with its last dot
	conn net.PacketConn

	mu      sync.Mutex
	records []dnsmessage.SRVResource
	code    dnsmessage.RCode
}

func startDNS(t *testing.T, name string) *dnsServer {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &dnsServer{name: name, conn: conn}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.serve()
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return s
}

func (s *dnsServer) answer(code dnsmessage.RCode, targets map[string]uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.code, s.records = code, nil
	for target, port := range targets {
		s.records = append(s.records, dnsmessage.SRVResource{Priority: 1, Weight: 1, Target: dnsmessage.MustNewName(target), Port: port})
	}
}

func (s *dnsServer) serve() {
	packet := make([]byte, 1500)
	for {
		n, from, err := s.conn.ReadFrom(packet)
		if err != nil {
			return
		}
		var question dnsmessage.Message
		if question.Unpack(packet[:n]) != nil || len(question.Questions) != 1 {
			continue
		}
		reply := s.reply(question.Header.ID, question.Questions[0])
		if packed, err := reply.Pack(); err == nil {
			s.conn.WriteTo(packed, from)
		}
	}
}

func (s *dnsServer) reply(id uint16, question dnsmessage.Question) dnsmessage.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	reply := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, Response: true, Authoritative: true, RecursionAvailable: true, RCode: s.code},
		Questions: []dnsmessage.Question{question},
	}
	if question.Name.String() != s.name || question.Type != dnsmessage.TypeSRV {
		reply.RCode = dnsmessage.RCodeNameError
		return reply
	}
	for _, record := range s.records {
		reply.Answers = append(reply.Answers, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET}, Body: &record,
		})
	}
	return reply
}

func TestDNSNodesComeAndGo(t *testing.T) {
	t.Parallel()
	server := startDNS(t, "_rpc._tcp.chain.test.")
	server.answer(dnsmessage.RCodeSuccess, map[string]uint16{"b.chain.test.": 20201, "a.chain.test.": 20200})
	for name, cfg := range map[string]DNSConfig{
		"by service and proto": {Service: "rpc", Proto: "tcp", Name: "chain.test."},
		"by one name":          {Name: "_rpc._tcp.chain.test."},
	} {
		cfg.Server, cfg.Interval = server.conn.LocalAddr().String(), time.Hour
		source, err := DNS(cfg)
		require.NoError(t, err)
		_, h := startWatcher(t, source)
		require.Equal(t, []string{"a.chain.test:20200", "b.chain.test:20201"}, h.next(t), name)
	}

	source, err := DNS(DNSConfig{Name: server.name, Server: server.conn.LocalAddr().String(), Interval: 20 * time.Millisecond})
	require.NoError(t, err)
	_, h := startWatcher(t, source)
	h.until(t, "a.chain.test:20200", "b.chain.test:20201")

	// What follows must not take a node away.
	server.answer(dnsmessage.RCodeNameError, nil)
	h.untilLogged(t, ErrNoNodes.Error())
	server.answer(dnsmessage.RCodeServerFailure, nil)
	h.untilLogged(t, "misbehaving")
	require.Empty(t, h.lists)

	server.answer(dnsmessage.RCodeSuccess, map[string]uint16{"c.chain.test.": 20202, "b.chain.test.": 20201})
	require.Equal(t, []string{"b.chain.test:20201", "c.chain.test:20202"}, h.next(t))
	h.untilLogged(t, "listed again")
}

// untilLogged waits until a line of the log contains text.
func (h *heard) untilLogged(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return h.count(text) > 0 }, 20*time.Second, 5*time.Millisecond,
		"%q is not in the log", text)
}

func TestDNSAnswersThatListNothing(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]struct {
		code    dnsmessage.RCode
		targets map[string]uint16
	}{
		"no such name":    {code: dnsmessage.RCodeNameError},
		"no records":      {code: dnsmessage.RCodeSuccess},
		"no such service": {code: dnsmessage.RCodeSuccess, targets: map[string]uint16{".": 0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startDNS(t, "nodes.test.")
			server.answer(answer.code, answer.targets)
			source, err := DNS(DNSConfig{Name: server.name, Server: server.conn.LocalAddr().String()})
			require.NoError(t, err)
			entries, err := source.(*dns).read(t.Context())
			require.NoError(t, err)
			require.Empty(t, entries)
		})
	}
}

func TestDNSThatIsDownIsAFailureWithTheSameTextEachTime(t *testing.T) {
	t.Parallel()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	address := conn.LocalAddr().String()
	require.NoError(t, conn.Close())
	source, err := DNS(DNSConfig{Name: "nodes.test.", Server: address})
	require.NoError(t, err)
	never := func([]Entry) { require.Fail(t, "nothing is listed") }
	first := source.Watch(t.Context(), never)
	require.Error(t, first)
	for range 3 {
		require.EqualError(t, source.Watch(t.Context(), never), first.Error())
	}
}

func TestDNSRecordsThatTheResolverLeavesOutAreTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := &dns{DNSConfig: DNSConfig{Interval: time.Minute}, lookup: func(context.Context, string, string, string) (string, []*net.SRV, error) {
			return "", []*net.SRV{{Target: "a.", Port: 1}}, &net.DNSError{Err: "malformed records"}
		}}
		_, h := startWatcher(t, source)
		require.Equal(t, []string{"a:1"}, h.next(t))
		require.Equal(t, 1, h.count("the resolver has left out"), h.text())
	})
}

func TestDNSIsAskedOnceInEachInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		made, err := DNS(DNSConfig{Name: "nodes.test."})
		require.NoError(t, err)
		source := made.(*dns)
		var asked atomic.Int64
		source.lookup = func(ctx context.Context, _, _, _ string) (string, []*net.SRV, error) {
			asked.Add(1)
			deadline, bounded := ctx.Deadline()
			require.True(t, bounded)
			require.Equal(t, dnsTimeout, time.Until(deadline))
			return "", []*net.SRV{{Target: "a.", Port: 1}}, nil
		}
		_, h := startWatcher(t, source)
		require.Equal(t, []string{"a:1"}, h.next(t))
		for minutes := range 5 {
			synctest.Wait()
			require.EqualValues(t, 1+2*minutes, asked.Load())
			time.Sleep(time.Minute)
		}
	})
}

func TestLookupErrorsCarryNothingOfOneAttempt(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		failure net.DNSError
		want    string
	}{
		{net.DNSError{Err: "read udp 127.0.0.1:40001->127.0.0.1:53: read: connection refused"}, "DNS: connection refused"},
		{net.DNSError{Err: "server misbehaving"}, "DNS: server misbehaving"},
		{net.DNSError{Err: "read udp 127.0.0.1:40001->127.0.0.1:53: i/o timeout", IsTimeout: true}, "no DNS server answered in time"},
	} {
		require.EqualError(t, lookupError(&test.failure), test.want)
	}
}

func TestDNSConfigIsChecked(t *testing.T) {
	t.Parallel()
	require.NoError(t, DNSConfig{Name: "a"}.Validate())
	require.NoError(t, DNSConfig{Name: "a", Service: "s", Proto: "tcp", Server: "127.0.0.1:53"}.Validate())
	err := DNSConfig{Service: "s", Server: "localhost", Interval: -1}.Validate()
	for _, want := range []string{"no name", "belong together", "server: ", "negative"} {
		require.ErrorContains(t, err, want)
	}
	_, err = DNS(DNSConfig{})
	require.Error(t, err)
}
