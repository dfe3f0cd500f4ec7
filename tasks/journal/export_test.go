package journal

import "database/sql/driver"

// OpenThrough opens a journal whose connections are made by what wrap returns.
func OpenThrough(path string, wrap func(driver.Connector) driver.Connector) (*Journal, error) {
	return open(path, func(dsn string) (driver.Connector, error) {
		c, err := newConnector(dsn)
		if err != nil {
			return nil, err
		}
		return wrap(c), nil
	})
}

// RefuseKind is what Open answers for a folder on that kind of file system.
var RefuseKind = refuseKind
