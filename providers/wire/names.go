package wire

import "slices"

// Once notes that the member with this bit was seen. When it was before, it
// returns false and the document has failed.
func (d *Decoder) Once(seen *uint64, bit uint64) bool {
	if *seen&bit == 0 {
		*seen |= bit
		return true
	}
	d.duplicate()
	return false
}

// duplicate refuses the member whose value comes next.
func (d *Decoder) duplicate() { d.fail(DuplicateKey, d.pos) }

// Fresh notes the name of a member that no field has. When it was seen before,
// it returns false and the document has failed.
func (d *Decoder) Fresh(o *Object) bool {
	if o.names != nil {
		return d.freshOfMany(o)
	}
	names := d.unknown[o.unknown:]
	if slices.Contains(names, o.Key) {
		d.duplicate()
		return false
	}
	if len(names) < fewNames {
		d.unknown = append(d.unknown, o.Key)
		return true
	}
	o.names = make(map[string]struct{}, 4*fewNames)
	for _, name := range names {
		o.names[name] = struct{}{}
	}
	return d.freshOfMany(o)
}

func (d *Decoder) freshOfMany(o *Object) bool {
	if _, twice := o.names[o.Key]; twice {
		d.duplicate()
		return false
	}
	o.names[o.Key] = struct{}{}
	return d.take(mapEntry)
}
