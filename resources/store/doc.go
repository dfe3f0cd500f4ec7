// Package store fetches and keeps pictures that somebody paid for.
package store
