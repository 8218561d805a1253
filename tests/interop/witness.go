package main

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"

	f_note "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/witness/persistence/inmemory"
	"github.com/transparency-dev/witness/witness"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/mod/sumdb/note"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// serveWitness serves transparency-dev's witness for one log, until it is killed.
func serveWitness(arguments []string) error {
	key, err := os.ReadFile(arguments[0])
	if err != nil {
		return err
	}
	signer, err := f_note.NewSignerForCosignatureV1(strings.TrimSpace(string(key)))
	if err != nil {
		return err
	}
	logs, err := readVerifiers(arguments[1])
	if err != nil {
		return err
	}
	state := inmemory.New()
	ctx := context.Background()
	if err := state.Init(ctx); err != nil {
		return err
	}
	cosigner, err := witness.New(ctx, witness.Opts{
		Persistence: state,
		Signers:     []note.Signer{signer},
		VerifierForLog: func(_ context.Context, origin string) (note.Verifier, bool, error) {
			return logs[0], origin == logs[0].Name(), nil
		},
	})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", witness.NewHTTPHandler(cosigner).AddCheckpoint)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", listener.Addr())
	return http.Serve(listener, mux)
}

// serveAgent serves an SSH agent that holds one key, made of the seed of a note key, until it is killed.
func serveAgent(arguments []string) error {
	text, err := os.ReadFile(arguments[0])
	if err != nil {
		return err
	}
	fields := strings.SplitN(strings.TrimSpace(string(text)), "+", 5)
	typed, err := base64.StdEncoding.DecodeString(fields[len(fields)-1])
	if err != nil || len(fields) != 5 || len(typed) != 33 {
		return fmt.Errorf("%s does not hold a note key", arguments[0])
	}
	private := ed25519.NewKeyFromSeed(typed[1:])
	public, err := ssh.NewPublicKey(private.Public())
	if err != nil {
		return err
	}
	keyring := agent.NewKeyring()
	if err := keyring.Add(agent.AddedKey{PrivateKey: private}); err != nil {
		return err
	}
	listener, err := net.Listen("unix", arguments[1])
	if err != nil {
		return err
	}
	fmt.Println(ssh.FingerprintSHA256(public))
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() { _ = agent.ServeAgent(keyring, connection) }()
	}
}

// admitLog lets a running litewitness know a log: its own witnessctl needs a module that is not to be had everywhere.
func admitLog(arguments []string) error {
	logs, err := os.ReadFile(arguments[1])
	if err != nil {
		return err
	}
	vkey := strings.TrimSpace(string(logs))
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	database, err := sqlite.OpenConn(arguments[0], sqlite.OpenReadWrite)
	if err != nil {
		return err
	}
	defer database.Close()
	empty := "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
	for _, insert := range []struct{ statement, value string }{
		{"INSERT INTO log (origin, tree_size, tree_hash) VALUES (?, 0, ?)", empty},
		{"INSERT INTO key (origin, key) VALUES (?, ?)", vkey},
	} {
		options := &sqlitex.ExecOptions{Args: []any{verifier.Name(), insert.value}}
		if err := sqlitex.Execute(database, insert.statement, options); err != nil {
			return err
		}
	}
	return nil
}
