package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/client"
)

// readWithTessera reads a log over HTTP and checks inclusion of every entry up to a number of them, and consistency.
func readWithTessera(arguments []string) error {
	ctx := context.Background()
	prefix, err := url.Parse(strings.TrimSuffix(arguments[0], "/") + "/")
	if err != nil {
		return err
	}
	fetcher, err := client.NewHTTPFetcher(prefix, nil)
	if err != nil {
		return err
	}
	verifiers, err := readVerifiers(arguments[1])
	if err != nil {
		return err
	}
	ledger := verifiers[0]
	checkpoint, raw, _, err := client.FetchCheckpoint(ctx, fetcher.ReadCheckpoint, ledger, ledger.Name())
	if err != nil {
		return err
	}
	builder, err := client.NewProofBuilder(ctx, checkpoint.Size, fetcher.ReadTile)
	if err != nil {
		return err
	}
	checked := 0
	step := checkpoint.Size/provenMax + 1
	for index := uint64(0); index < checkpoint.Size; index += step {
		bundle, err := client.GetEntryBundle(ctx, fetcher.ReadEntryBundle, index/256, checkpoint.Size)
		if err != nil {
			return err
		}
		leaf := rfc6962.DefaultHasher.HashLeaf(bundle.Entries[index%256])
		path, err := builder.InclusionProof(ctx, index)
		if err != nil {
			return err
		}
		err = proof.VerifyInclusion(rfc6962.DefaultHasher, index, checkpoint.Size, leaf, path, checkpoint.Hash)
		if err != nil {
			return fmt.Errorf("entry %d: %w", index, err)
		}
		checked++
	}
	if checked == 0 {
		return fmt.Errorf("the log is empty: nothing was checked")
	}
	tracker, err := client.NewLogStateTracker(ctx, fetcher.ReadTile, raw, ledger, ledger.Name(), client.UnilateralConsensus(fetcher.ReadCheckpoint))
	if err != nil {
		return err
	}
	if _, _, _, err := tracker.Update(ctx); err != nil {
		return err
	}
	fmt.Printf("checked %d entries of a tree of %d\n", checked, checkpoint.Size)
	return nil
}
