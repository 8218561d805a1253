// Interop holds a ledger, its packs, receipts and witnesses against programs that share no code with Exhibit.
//
// Each command uses one of them as its own documentation has it used, and exits with 0 only if that one agrees:
//
//	interop note VKEYS NOTE           golang.org/x/mod/sumdb/note opens a signed note with the keys of a file
//	interop tlog URL VKEY             golang.org/x/mod/sumdb/tlog proves every record, and every older size, from tiles
//	interop proof VKEY RECEIPT        golang.org/x/mod/sumdb/tlog checks a receipt's inclusion proof
//	interop client URL VKEY           Tessera's client reads checkpoint, bundles and proofs
//	interop witness KEY LOGVKEY       transparency-dev's witness, serving one log; prints its address
//	interop agent KEY SOCKET          an SSH agent for litewitness; prints the key's fingerprint
//	interop admit DATABASE LOGVKEY    lets litewitness know a log, as its witnessctl does
//
// The tools of go.mod (Tessera's fsck and one-shot log, and litewitness) are run as they are.
package main

import (
	"fmt"
	"os"
	"strings"
)

var commands = map[string]struct {
	arguments int
	run       func([]string) error
}{
	"note":    {2, openNote},
	"tlog":    {2, proveWithTlog},
	"proof":   {2, checkReceipt},
	"client":  {2, readWithTessera},
	"witness": {2, serveWitness},
	"agent":   {2, serveAgent},
	"admit":   {2, admitLog},
}

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("name a command"))
	}
	command, known := commands[os.Args[1]]
	if !known || len(os.Args)-2 != command.arguments {
		fail(fmt.Errorf("unknown command or wrong number of arguments: %s", strings.Join(os.Args[1:], " ")))
	}
	if err := command.run(os.Args[2:]); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "interop:", err)
	os.Exit(1)
}
