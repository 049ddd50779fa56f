package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/batch/offline"
	"github.com/bcosgate/bcosgate/batch/rows"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/tx"
)

// signedFile is a file of two signed transactions, and what a job says of it.
func signedFile(t *testing.T) (file string, signed string) {
	t.Helper()
	key, err := suite.GenerateKey(suite.Standard)
	require.NoError(t, err)
	signer, to := tx.NewSigner(key, "chain0", "group0"), common.HexToAddress("0x31ed5233b81c79d5adddeef991f531a9bbc2ad01")
	r, err := rows.NewCSV(strings.NewReader(fmt.Sprintf("_id,digest,text\na,0x%064x,one\nb,0x%064x,two\n", 1, 2)), rows.CSVOptions{})
	require.NoError(t, err)
	var unsigned, out bytes.Buffer
	w, err := offline.NewUnsignedWriter(&unsigned, offline.Header{
		Plan: "0198c0de-6f2e-7000-8000-000000000001", Created: time.Now(), ChainID: "chain0", Group: "group0", Genesis: common.HexToHash("0x01"),
		Ledger: offline.LedgerStandard, Signer: signer.Address(), Head: 5, BlockLimit: 900, To: &to, Function: "save(bytes32 digest,string text)",
		InputSHA256: strings.Repeat("0", 64), Columns: r.Columns(),
	})
	require.NoError(t, err)
	for {
		row, err := r.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		require.NoError(t, w.Write(row))
	}
	_, err = w.Finish()
	require.NoError(t, err)
	s, err := offline.Inspect(t.Context(), bytes.NewReader(unsigned.Bytes()))
	require.NoError(t, err)
	_, err = offline.Sign(t.Context(), s, &unsigned, signer, &out, 1)
	require.NoError(t, err)
	spec, err := json.Marshal(s.Header.Spec())
	require.NoError(t, err)
	return out.String(), string(spec)
}

func TestJobOfSignedTransactions(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	file, signed := signedFile(t)
	job := `{"to":"0x31ed5233b81c79d5adddeef991f531a9bbc2ad01","function":"save(bytes32 digest,string text)","signed":` + signed
	a := r.do("POST", "/v1/jobs", job+`}`)
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	require.Equal(t, signed, string(must(json.Marshal(r.engine.specs[0].Signed))))
	require.JSONEq(t, signed, string(must(json.Marshal(a.json(t)["spec"].(map[string]any)["signed"]))))

	r.problem(r.do("PUT", "/v1/jobs/job1/rows", "digest,text\n0x01,a\n", "Content-Type", "text/csv"), http.StatusUnsupportedMediaType, "unsupported_media_type")
	r.problem(r.do("PUT", "/v1/jobs/job1/rows", `["0x01","a"]`+"\n", "Content-Type", "application/x-ndjson"), http.StatusUnprocessableEntity, "invalid_rows")
	other, _ := signedFile(t) // of another account
	p := r.problem(r.do("PUT", "/v1/jobs/job1/rows", other, "Content-Type", "application/x-ndjson"), http.StatusUnprocessableEntity, "invalid_rows")
	require.Contains(t, p.Detail+fmt.Sprint(p.Faults), "is for another job")
	a = r.do("PUT", "/v1/jobs/job1/rows", file, "Content-Type", "application/x-ndjson")
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	require.EqualValues(t, 2, a.json(t)["rows"])
	require.Equal(t, "b", r.engine.items["job1"][1].ID)

	r.problem(r.do("POST", "/v1/jobs", job+`,"rows":[["0x01","a"]]}`), http.StatusUnprocessableEntity, "invalid_request")
	for _, bad := range []string{`{}`, `{"plan":"p","signer":"x","genesis":"0x01","blockLimit":1}`, strings.Replace(signed, `"plan"`, `"plans"`, 1)} {
		r.problem(r.do("POST", "/v1/jobs", evidenceJob+`,"signed":`+bad+`}`), http.StatusUnprocessableEntity, "invalid_request")
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
