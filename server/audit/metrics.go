package audit

// Counter names what is counted.
type Counter string

// What is counted.
const (
	// Begun counts begin records.
	Begun Counter = "begun"
	// Ended counts end records.
	Ended Counter = "ended"
	// ShedBegun counts begin records that could not be written while their calls
	// went on.
	ShedBegun Counter = "shed_begun"
	// ShedEnded counts end records that could not be written: calls without a
	// record, or with a begin record alone.
	ShedEnded Counter = "shed_ended"
	// Refused counts calls that were refused because their begin record could not be
	// written.
	Refused Counter = "refused"
	// ShedBodies counts records whose bodies were left out to save room.
	ShedBodies Counter = "shed_bodies"
	// Shipped counts records that the store took.
	Shipped Counter = "shipped"
	// ShipFailed counts tries to write to the store that failed. Records wait.
	ShipFailed Counter = "ship_failed"
	// Rejected counts records that the store will never take. They are lost.
	Rejected Counter = "rejected"
	// Torn counts places in the spool that were no record, after a crash.
	Torn Counter = "torn"
	// Interrupted counts begin records whose end did not come.
	Interrupted Counter = "interrupted"
	// Deleted counts records that were kept long enough.
	Deleted Counter = "deleted"
	// SyncFailed counts failures to force the spool to the disk.
	SyncFailed Counter = "sync_failed"
)

// Metrics takes counts. Safe for concurrent use; Count is on the way of every call
// and must be quick.
type Metrics interface {
	// Count adds to a counter.
	Count(Counter, int)
	// Spool says how many bytes wait in the spool, and how many may.
	Spool(bytes, limit int64)
}

// noMetrics counts nothing.
type noMetrics struct{}

func (noMetrics) Count(Counter, int) {}
func (noMetrics) Spool(_, _ int64)   {}
