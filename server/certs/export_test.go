package certs

import "time"

// Poll sets how often the files are read without an event. Before Run.
func (f *Files) Poll(every time.Duration) { f.poll = every }

// Rotate is what happens day by day.
func (f *Files) Rotate() { f.rotate() }
