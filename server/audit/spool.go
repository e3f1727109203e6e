package audit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
)

// file is what the spool needs of a segment file. Tests put faults behind it.
type file interface {
	Write([]byte) (int, error)
	Truncate(size int64) error
	Sync() error
	Close() error
}

// openSegment makes a new segment file. Every write goes to its end.
func openSegment(path string) (file, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
}

var (
	// errFull says that the spool has its largest size.
	errFull = errors.New("the spool is full")
	// errClosed says that the gateway has stopped.
	errClosed = errors.New("the spool is closed")
)

// segment is a file of the spool. The spool's mutex guards its members.
type segment struct {
	path string
	// size is the length of its whole frames; bytes behind it are a torn write.
	size int64
	// file is open while frames are written or not yet forced to the disk.
	file file
	// sealed says that nothing more is written.
	sealed bool
	// forced is how much of it is on the disk.
	forced int64
}

// spool is the writing side: segments of this process, oldest first. A frame is
// one write(2) under a mutex, which costs about a microsecond; so it needs no
// buffer, and what it was told is with the kernel and survives SIGKILL.
type spool struct {
	dir string
	// open makes a segment file.
	open func(path string) (file, error)
	// segmentSize is the size at which a segment is sealed, limit the largest size
	// of all together.
	segmentSize, limit int64
	// bytes is what lies on the disk, folders taken over included.
	bytes atomic.Int64
	// wake has a token when there is something to ship.
	wake chan struct{}

	mu       sync.Mutex
	segments []*segment
	number   int
	closed   bool

	// force is held while segments are forced to the disk.
	force sync.Mutex
}

func newSpool(dir string, limit int64, open func(string) (file, error)) *spool {
	const (
		largest = 8 << 20
		// At least eight segments fit, so that shipped bytes are given back in time.
		least = 8
	)
	return &spool{
		dir:         dir,
		open:        open,
		segmentSize: min(largest, limit/least),
		limit:       limit,
		wake:        make(chan struct{}, 1),
	}
}

// append writes one frame. room is the part of the limit that it may fill, in
// percent. On an error nothing of it stays.
func (s *spool) append(frame []byte, room int64) (*segment, int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, 0, errClosed
	}
	size := int64(len(frame))
	if s.bytes.Load()+size > s.limit/100*room {
		return nil, 0, errFull
	}
	current, err := s.current(size)
	if err != nil {
		return nil, 0, err
	}
	n, err := current.file.Write(frame)
	if err == nil && n < len(frame) {
		err = syscall.EIO
	}
	if err != nil {
		s.undo(current, n)
		return nil, 0, fmt.Errorf("write a record: %w", err)
	}
	current.size += size
	s.bytes.Add(size)
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return current, current.size, nil
}

// current is the segment to write to.
func (s *spool) current(size int64) (*segment, error) {
	if n := len(s.segments); n > 0 {
		last := s.segments[n-1]
		if !last.sealed && (last.size == 0 || last.size+size <= s.segmentSize) {
			return last, nil
		}
		last.sealed = true
	}
	path := filepath.Join(s.dir, fmt.Sprintf("%012d%s", s.number+1, segmentSuffix))
	opened, err := s.open(path)
	if err != nil {
		return nil, fmt.Errorf("make a segment: %w", err)
	}
	s.number++
	next := &segment{path: path, file: opened}
	s.segments = append(s.segments, next)
	return next, nil
}

// undo takes a torn write back. Where that fails as well, the segment ends here;
// readers in this process stop at its size, and later ones know a torn frame.
func (s *spool) undo(torn *segment, written int) {
	if written <= 0 {
		return
	}
	if err := torn.file.Truncate(torn.size); err != nil {
		torn.sealed = true
	}
}

// commit forces a segment to the disk up to an offset. Calls that come together
// share one fsync.
func (s *spool) commit(target *segment, offset int64) error {
	s.force.Lock()
	defer s.force.Unlock()
	s.mu.Lock()
	done := target.forced >= offset || target.file == nil
	s.mu.Unlock()
	if done {
		return nil
	}
	return s.forceSegment(target)
}

// sync forces everything written to the disk and closes sealed segments.
func (s *spool) sync() error {
	s.force.Lock()
	defer s.force.Unlock()
	s.mu.Lock()
	var open []*segment
	for _, segment := range s.segments {
		if segment.file != nil && (segment.sealed || segment.size > segment.forced) {
			open = append(open, segment)
		}
	}
	s.mu.Unlock()
	var errs []error
	for _, segment := range open {
		errs = append(errs, s.forceSegment(segment))
	}
	return errors.Join(errs...)
}

// forceSegment needs the force lock, and not the mutex: writes go on meanwhile.
func (s *spool) forceSegment(target *segment) error {
	s.mu.Lock()
	size, file, sealed := target.size, target.file, target.sealed
	s.mu.Unlock()
	if file == nil {
		return nil
	}
	var err error
	if size > target.forced {
		err = file.Sync()
	}
	if sealed {
		err = errors.Join(err, file.Close())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if sealed {
		target.file = nil
	}
	if err != nil {
		// What a failed fsync leaves on the disk is not known, and a second one would
		// claim success: the segment ends here, and the next one begins anew.
		target.sealed, target.forced = true, size
		return fmt.Errorf("force a segment to the disk: %w", err)
	}
	target.forced = size
	return nil
}

// head is the oldest segment, how far it can be read, and whether that is all.
// Without one ok is false.
func (s *spool) head() (path string, size int64, sealed, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.segments) == 0 {
		return "", 0, false, false
	}
	first := s.segments[0]
	return first.path, first.size, first.sealed, true
}

// drop deletes the oldest segment, which the store has.
func (s *spool) drop() error {
	s.force.Lock()
	defer s.force.Unlock()
	s.mu.Lock()
	first := s.segments[0]
	s.segments = s.segments[1:]
	file := first.file
	first.file = nil
	s.mu.Unlock()
	s.bytes.Add(-first.size)
	err := os.Remove(first.path)
	if file != nil {
		err = errors.Join(err, file.Close())
	}
	return err
}

// seal ends the segment that is written to, if it has anything.
func (s *spool) seal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.segments); n > 0 {
		s.segments[n-1].sealed = true
	}
}

// close takes no more frames, and forces and closes what is there.
func (s *spool) close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.seal()
	return s.sync()
}

// empty says that there is nothing on the disk.
func (s *spool) empty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.segments) == 0
}
