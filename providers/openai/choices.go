package openai

// choices are those of a stream, and which of them have their finish reason. What
// follows a finish reason, like a late verdict of a content filter, does not open the
// choice again.
type choices struct {
	seen     uint64         // a bit for each index below 64
	finished uint64         // likewise
	more     map[int32]bool // the other indexes: finished
}

// note takes down that a choice was in a chunk, with its finish reason or without.
func (c *choices) note(index int32, finished bool) {
	if index < 0 || index >= 64 {
		if c.more == nil {
			c.more = make(map[int32]bool)
		}
		c.more[index] = c.more[index] || finished
		return
	}
	c.seen |= 1 << index
	if finished {
		c.finished |= 1 << index
	}
}

// begun says whether there was any.
func (c *choices) begun() bool { return c.seen != 0 || len(c.more) > 0 }

// open says whether one lacks its finish reason.
func (c *choices) open() bool {
	for _, finished := range c.more {
		if !finished {
			return true
		}
	}
	return c.seen != c.finished
}
