package catalog

import "time"

// ProviderStatus is what is known of a provider instance's list.
type ProviderStatus struct {
	// Provider is the instance's name.
	Provider string
	// Models is how many models of it are known.
	Models int
	// LastSuccess is when it last told its list, maybe to an earlier process. Zero:
	// never.
	LastSuccess time.Time
	// LastError is why the last request failed, free of secrets. Empty: it did not.
	LastError string
	// Stale says that its list is an older good one.
	Stale bool
}

// Status returns the state of every instance, in the order of the configuration.
func (c *Catalog) Status() []ProviderStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	snapshot := c.snapshot.Load()
	list := make([]ProviderStatus, 0, len(c.sources))
	for _, src := range c.sources {
		list = append(list, ProviderStatus{
			Provider:    src.config.GetName(),
			Models:      len(snapshot.byInstance[src.config.GetName()]),
			LastSuccess: src.told,
			LastError:   src.failed,
			Stale:       src.stale(),
		})
	}
	return list
}
