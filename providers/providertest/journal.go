package providertest

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"
)

// Entry is a line of the log: the truth for those who join it with what the
// gateway kept.
type Entry struct {
	// Event is "arrived" when a call's headers were read, and "ended" when its
	// reply was over.
	Event string `json:"event"`
	// N counts the calls from 1.
	N int `json:"n"`
	// At is when it happened.
	At time.Time `json:"at"`
	// ClientRequestID is the call's X-Client-Request-Id.
	ClientRequestID string `json:"client_request_id"`
	// Method and Path are as on the request line.
	Method string `json:"method"`
	Path   string `json:"path"`
	// The rest is for "ended" alone, as in Request.
	Model     string `json:"model,omitempty"`
	Stream    bool   `json:"stream,omitempty"`
	Status    int    `json:"status,omitempty"`
	Events    int    `json:"events,omitempty"`
	Bytes     int64  `json:"bytes,omitempty"`
	Completed bool   `json:"completed,omitempty"`
	Aborted   bool   `json:"aborted,omitempty"`
	Script    string `json:"script,omitempty"`
}

// journal writes the log. A nil one writes nothing.
type journal struct {
	mu   sync.Mutex
	file *os.File
	err  error
}

// openJournal opens a log for appending.
func openJournal(path string) (*journal, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // a nil journal is the one that writes nothing
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	return &journal{file: f}, nil
}

// arrived notes a call before anything is answered.
func (j *journal) arrived(r *Request) {
	if j == nil {
		return
	}
	j.write(Entry{
		Event: "arrived", N: r.N, At: r.Arrived, ClientRequestID: r.ClientRequestID,
		Method: r.Method, Path: r.Path,
	})
}

// ended notes a call's end.
func (j *journal) ended(r *Request) {
	if j == nil {
		return
	}
	j.write(Entry{
		Event: "ended", N: r.N, At: r.Ended, ClientRequestID: r.ClientRequestID,
		Method: r.Method, Path: r.Path, Model: r.Model, Stream: r.Stream, Status: r.Status,
		Events: r.Events, Bytes: r.Bytes, Completed: r.Completed, Aborted: !r.Aborted.IsZero(), Script: r.Script,
	})
}

// write hands a line to the kernel before it returns.
func (j *journal) write(e Entry) {
	line, err := json.Marshal(e)
	j.mu.Lock()
	defer j.mu.Unlock()
	if err == nil {
		_, err = j.file.Write(append(line, '\n'))
	}
	if err != nil && j.err == nil {
		j.err = fmt.Errorf("write the log: %w", err)
	}
}

// close returns the first error of all that was written.
func (j *journal) close() error {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.file.Close(); err != nil && j.err == nil {
		j.err = fmt.Errorf("close the log: %w", err)
	}
	return j.err
}
