package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"golang.org/x/mod/sumdb/tlog"
)

// The most sizes and records that are proven one by one: enough to cross tiles, few enough to end soon.
const provenMax = 600

// proveWithTlog proves records and older sizes from nothing but what the server publishes.
func proveWithTlog(arguments []string) error {
	prefix := strings.TrimSuffix(arguments[0], "/")
	text, err := get(prefix + "/checkpoint")
	if err != nil {
		return err
	}
	tree, err := openCheckpoint(text, arguments[1])
	if err != nil {
		return err
	}
	hashes := tlog.TileHashReader(tree, &tiles{prefix: prefix, kept: map[string][]byte{}})
	step := tree.N/provenMax + 1
	proven := 0
	for index := int64(0); index < tree.N; index += step {
		entry, err := record(prefix, tree.N, index)
		if err != nil {
			return err
		}
		proof, err := tlog.ProveRecord(tree.N, index, hashes)
		if err != nil {
			return fmt.Errorf("record %d: %w", index, err)
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)); err != nil {
			return fmt.Errorf("record %d: %w", index, err)
		}
		older, err := tlog.TreeHash(index+1, hashes)
		if err != nil {
			return err
		}
		consistent, err := tlog.ProveTree(tree.N, index+1, hashes)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(consistent, tree.N, tree.Hash, index+1, older); err != nil {
			return fmt.Errorf("size %d: %w", index+1, err)
		}
		proven++
	}
	if proven == 0 {
		return fmt.Errorf("the log is empty: nothing was proven")
	}
	fmt.Printf("proved %d records and %d sizes of a tree of %d\n", proven, proven, tree.N)
	return nil
}

// tiles reads C2SP's tile paths for x/mod, which writes the tile height into its own.
type tiles struct {
	prefix string
	guard  sync.Mutex
	kept   map[string][]byte
}

func (t *tiles) Height() int { return 8 }

func (t *tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	read := make([][]byte, len(wanted))
	for i, tile := range wanted {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		t.guard.Lock()
		bytes, kept := t.kept[path]
		t.guard.Unlock()
		if !kept {
			var err error
			if bytes, err = get(t.prefix + "/" + path); err != nil {
				return nil, err
			}
		}
		read[i] = bytes
	}
	return read, nil
}

// SaveTiles keeps tiles that have been verified.
func (t *tiles) SaveTiles(verified []tlog.Tile, bytes [][]byte) {
	t.guard.Lock()
	defer t.guard.Unlock()
	for i, tile := range verified {
		t.kept[strings.Replace(tile.Path(), "tile/8/", "tile/", 1)] = bytes[i]
	}
}

var lastBundle struct {
	path  string
	bytes []byte
}

// record reads one entry out of its bundle.
func record(prefix string, size, index int64) ([]byte, error) {
	number, width := index/256, min(size-index/256*256, 256)
	bundle := tlog.Tile{H: 8, L: 0, N: number, W: int(width)}
	path := prefix + "/" + strings.Replace(bundle.Path(), "tile/8/0/", "tile/entries/", 1)
	if lastBundle.path != path {
		bytes, err := get(path)
		if err != nil {
			return nil, err
		}
		lastBundle.path, lastBundle.bytes = path, bytes
	}
	rest := lastBundle.bytes
	for skip := index % 256; ; skip-- {
		if len(rest) < 2 || len(rest)-2 < int(binary.BigEndian.Uint16(rest)) {
			return nil, fmt.Errorf("%s ends within an entry", path)
		}
		length := int(binary.BigEndian.Uint16(rest))
		if skip == 0 {
			return rest[2 : 2+length], nil
		}
		rest = rest[2+length:]
	}
}

func get(url string) ([]byte, error) {
	response, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", url, response.Status, body)
	}
	return body, err
}
