package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"strconv"
	"strings"

	f_note "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// openNote opens a note that every key of the file must have signed.
func openNote(arguments []string) error {
	verifiers, err := readVerifiers(arguments[0])
	if err != nil {
		return err
	}
	text, err := os.ReadFile(arguments[1])
	if err != nil {
		return err
	}
	opened, err := note.Open(text, note.VerifierList(verifiers...))
	if err != nil {
		return err
	}
	if len(opened.Sigs) != len(verifiers) {
		return fmt.Errorf("%d of %d keys signed; not known: %v", len(opened.Sigs), len(verifiers), opened.UnverifiedSigs)
	}
	for _, signature := range opened.Sigs {
		fmt.Println("signed by", signature.Name)
	}
	fmt.Print(opened.Text)
	return nil
}

// readVerifiers reads one key a line: the ledger's own (Ed25519) and cosigners'.
func readVerifiers(path string) ([]note.Verifier, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var verifiers []note.Verifier
	for _, line := range strings.Fields(string(text)) {
		verifier, err := f_note.NewVerifier(line)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", line, err)
		}
		verifiers = append(verifiers, verifier)
	}
	if len(verifiers) == 0 {
		return nil, fmt.Errorf("%s has no keys", path)
	}
	return verifiers, nil
}

// openCheckpoint opens a checkpoint whose origin is the name of the key that must have signed it.
func openCheckpoint(text []byte, vkey string) (tlog.Tree, error) {
	verifiers, err := readVerifiers(vkey)
	if err != nil {
		return tlog.Tree{}, err
	}
	opened, err := note.Open(text, note.VerifierList(verifiers...))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifiers[0].Name() {
		return tlog.Tree{}, fmt.Errorf("not a checkpoint of %s: %q", verifiers[0].Name(), opened.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

// checkReceipt checks a c2sp.org/tlog-proof file that carries its entry.
func checkReceipt(arguments []string) error {
	text, err := os.ReadFile(arguments[1])
	if err != nil {
		return err
	}
	head, checkpoint, found := bytes.Cut(text, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !found || len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return fmt.Errorf("not a tlog-proof that carries its entry")
	}
	tree, err := openCheckpoint(checkpoint, arguments[0])
	if err != nil {
		return err
	}
	entry, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	if err != nil {
		return err
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	if err != nil {
		return err
	}
	var proof tlog.RecordProof
	for _, line := range lines[3:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return err
		}
		proof = append(proof, hash)
	}
	if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)); err != nil {
		return err
	}
	fmt.Printf("entry %d of %d stands in the tree\n", index, tree.N)
	return nil
}
