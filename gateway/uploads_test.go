package gateway

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/gateway/uploads"
)

// newUploadRig has a folder for uploads and a job, job1.
func newUploadRig(t *testing.T, change ...func(*Config)) *rig {
	t.Helper()
	received, err := uploads.Open(t.TempDir())
	require.NoError(t, err)
	r := newRig(t, append(change, func(c *Config) { c.Uploads = received })...)
	require.Equal(t, http.StatusCreated, r.do("POST", "/v1/jobs", evidenceJob+`}`).status)
	return r
}

func uploadPath(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "/v1/jobs/job1/uploads/" + hex.EncodeToString(sum[:])
}

// part sends a part and gives the offset that is answered.
func (r *rig) part(path string, offset int, body string) (answer, string) {
	r.t.Helper()
	a := r.do("PATCH", path, body, "Upload-Offset", strconv.Itoa(offset), "Content-Type", "application/partial-upload")
	return a, a.header.Get("Upload-Offset")
}

func TestRowsInPartsAreLoadedWhenAllAreHere(t *testing.T) {
	t.Parallel()
	const text = "a,b\n1,2\n3,4\n"
	r := newUploadRig(t, func(c *Config) { c.RowsLimit = 1000 })
	path := uploadPath(text)
	head := r.do("HEAD", path, "")
	require.Equal(t, http.StatusOK, head.status)
	require.Equal(t, []string{"0", "?0", "max-size=1000"}, []string{head.header.Get("Upload-Offset"), head.header.Get("Upload-Complete"), head.header.Get("Upload-Limit")})
	a, offset := r.part(path, 0, text[:5])
	require.Equal(t, http.StatusNoContent, a.status, "%s", a.body)
	require.Equal(t, "5", offset)
	require.Equal(t, "5", r.do("HEAD", path, "").header.Get("Upload-Offset"))

	a, offset = r.part(path, 4, text[4:])
	r.problem(a, http.StatusConflict, "upload_offset")
	require.Equal(t, "5", offset, "a 409 says where to go on")
	load := path + "/load?size=" + strconv.Itoa(len(text))
	r.problem(r.do("POST", load, ""), http.StatusConflict, "upload_offset")
	require.Equal(t, "loading", r.do("GET", "/v1/jobs/job1", "").json(t)["state"])

	_, offset = r.part(path, 5, text[5:])
	require.Equal(t, strconv.Itoa(len(text)), offset)
	for range 2 { // the answer of the first may be lost
		a = r.do("POST", load, "")
		require.Equal(t, http.StatusOK, a.status, "%s", a.body)
		require.EqualValues(t, 2, a.json(t)["rows"])
		sum := sha256.Sum256([]byte(text))
		require.Equal(t, hex.EncodeToString(sum[:]), a.json(t)["inputSha256"])
	}
	head = r.do("HEAD", path, "")
	require.Equal(t, "?1", head.header.Get("Upload-Complete"))
	a, _ = r.part(path, 0, text)
	r.problem(a, http.StatusConflict, "wrong_state")

	other := uploadPath("other rows")
	require.Equal(t, http.StatusConflict, r.do("HEAD", other, "").status)
	r.problem(r.do("POST", other+"/load?size=0", ""), http.StatusConflict, "conflict")
}

func TestUploadThatIsNoRowsIsRefusedEachTime(t *testing.T) {
	t.Parallel()
	r := newUploadRig(t)
	text := "PK\x03\x04" + strings.Repeat("x", 200_000) // more than what is looked at
	_, offset := r.part(uploadPath(text), 0, text)
	for range 2 {
		p := r.problem(r.do("POST", uploadPath(text)+"/load?size="+offset, ""), http.StatusUnprocessableEntity, "invalid_rows")
		require.Len(t, p.Faults, 1)
		require.Contains(t, p.Faults[0].Reason, "is a zip file")
	}
}

func TestUploadThatIsNotWhatItsNameSays(t *testing.T) {
	t.Parallel()
	r := newUploadRig(t)
	path := uploadPath("a\n1\n")
	_, offset := r.part(path, 0, "a\n2\n")
	require.Equal(t, "4", offset)
	r.problem(r.do("POST", path+"/load?size=4", ""), http.StatusConflict, "upload_damaged")
	require.Equal(t, "0", r.do("HEAD", path, "").header.Get("Upload-Offset"), "it begins anew")
	require.Equal(t, "loading", r.do("GET", "/v1/jobs/job1", "").json(t)["state"])
}

func TestUploadsAreBounded(t *testing.T) {
	t.Parallel()
	text := "a\n" + strings.Repeat("1\n", 100)
	r := newUploadRig(t, func(c *Config) { c.RowsLimit = 100 })
	path := uploadPath(text)
	a, _ := r.part(path, 0, text[:60])
	require.Equal(t, http.StatusNoContent, a.status)
	a, _ = r.part(path, 60, text[60:])
	r.problem(a, http.StatusRequestEntityTooLarge, "body_too_large")
	require.Equal(t, "100", r.do("HEAD", path, "").header.Get("Upload-Offset"), "no byte more is on the disk")
}

func TestUploadsThatCannotBe(t *testing.T) {
	t.Parallel()
	r := newUploadRig(t)
	path := uploadPath("x")
	r.problem(r.do("PATCH", path, "x", "Content-Type", "application/partial-upload"), http.StatusUnprocessableEntity, "invalid_request")
	r.problem(r.do("PATCH", "/v1/jobs/job1/uploads/xyz", "x", "Upload-Offset", "0"), http.StatusUnprocessableEntity, "invalid_request")
	missing := strings.Replace(path, "job1", "nobody", 1)
	r.problem(r.do("PATCH", missing, "x", "Upload-Offset", "0"), http.StatusNotFound, "job_not_found")
	require.Equal(t, http.StatusNotFound, r.do("HEAD", missing, "").status)
	r.problem(r.do("POST", path+"/load", ""), http.StatusUnprocessableEntity, "invalid_request")
	_, offset := r.part(path, 0, "x")
	require.Equal(t, "1", offset)
	require.Equal(t, http.StatusNoContent, r.do("DELETE", path, "").status)
	require.Equal(t, "0", r.do("HEAD", path, "").header.Get("Upload-Offset"))

	r = newRig(t)
	r.do("POST", "/v1/jobs", evidenceJob+`}`)
	require.Equal(t, http.StatusNotImplemented, r.do("HEAD", path, "").status)
	r.problem(r.do("PATCH", path, "x", "Upload-Offset", "0"), http.StatusNotImplemented, "no_uploads")
	r.problem(r.do("PUT", "/v1/jobs/job1/rows", "PAR1", "Content-Type", parquetType), http.StatusNotImplemented, "no_uploads")
}

func TestWhatArrivedOfABrokenPartIsKept(t *testing.T) {
	t.Parallel()
	r := newUploadRig(t)
	text := "a\n" + strings.Repeat("1\n", 1000)
	path := uploadPath(text)
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "PATCH %s HTTP/1.1\r\nHost: x\r\nUpload-Offset: 0\r\nContent-Type: application/partial-upload\r\nContent-Length: %d\r\n\r\n%s", path, len(text), text[:1000])
	require.NoError(t, err)
	require.Eventually(t, func() bool { // without being at work on it ourselves
		return r.do("HEAD", path, "").header.Get("Upload-Offset") == "1000"
	}, 10*time.Second, time.Millisecond)
	a, _ := r.part(path, 1000, "")
	require.True(t, r.problem(a, http.StatusConflict, "upload_busy").Retryable, "while a part is being written, nobody else may")
	require.NoError(t, conn.Close())
	require.Eventually(t, func() bool {
		a, _ := r.part(path, 1000, text[1000:])
		return a.status == http.StatusNoContent
	}, 10*time.Second, time.Millisecond)
	a = r.do("POST", path+"/load?size="+strconv.Itoa(len(text))+"&start=false", "")
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	require.EqualValues(t, 1000, a.json(t)["rows"])
}

func TestParquetIsTakenWholeAndInParts(t *testing.T) {
	t.Parallel()
	type row struct {
		A string `parquet:"a"`
		B int64  `parquet:"b"`
	}
	var file strings.Builder
	w := parquet.NewGenericWriter[row](&file)
	_, err := w.Write([]row{{"x", 1}, {"y", 2}})
	require.NoError(t, err)
	require.NoError(t, w.Close())
	text := file.String()

	r := newUploadRig(t)
	a := r.do("PUT", "/v1/jobs/job1/rows?start=false", text, "Content-Type", parquetType)
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	require.EqualValues(t, 2, a.json(t)["rows"])

	r = newUploadRig(t)
	_, offset := r.part(uploadPath(text), 0, text)
	require.Equal(t, strconv.Itoa(len(text)), offset)
	for _, format := range []string{"", "&format=parquet"} {
		a = r.do("POST", uploadPath(text)+"/load?start=false&size="+offset+format, "")
		require.Equal(t, http.StatusOK, a.status, "%s", a.body)
		require.EqualValues(t, 2, a.json(t)["rows"])
	}
}

func TestWhatUnpacksIsBoundedToo(t *testing.T) {
	t.Parallel()
	r := newUploadRig(t, func(c *Config) { c.RowsLimit = 10_000 })
	packed := gzipped(t, "a\n"+strings.Repeat("1\n", 10_000))
	require.Less(t, len(packed), 1000)
	p := r.problem(r.do("PUT", "/v1/jobs/job1/rows", packed, "Content-Type", "text/csv"), http.StatusRequestEntityTooLarge, "body_too_large")
	require.Contains(t, p.Detail, "http.rows_limit")
	small := gzipped(t, "a\n1\n")
	a := r.do("PUT", "/v1/jobs/job1/rows", small, "Content-Type", "text/csv")
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
}

func gzipped(t *testing.T, text string) string {
	var out strings.Builder
	w := gzip.NewWriter(&out)
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.String()
}
