package dashscope

// Ready reports what keeps every request from being sent: a missing or garbled
// key, a region without a host. It asks nobody; whether the service takes the key
// only a request can tell.
func (c *Client) Ready() error {
	if _, _, err := c.address(); err != nil {
		return c.notSent("create", err)
	}
	return nil
}
