// Verifies claims about a log with Go's packages for transparency logs.
//
// It reads claims from standard input, checks each, and prints their number. All hashes and leaves are lower-case
// hexadecimal.
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go run judge.go < claims.json
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type claims struct {
	Origin    string
	Verifiers []string
	// The data of each leaf.
	Leaves []string
	// Signed checkpoints of the log.
	Notes     []string
	Inclusion []struct {
		Entry, Size int64
		Proof       []string
	}
	Consistency []struct {
		From, To int64
		Proof    []string
	}
	// Notes that must not be opened.
	Refused []struct{ Why, Note string }
}

func main() {
	log.SetFlags(0)
	count, err := judge()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(count)
}

func judge() (int, error) {
	var claimed claims
	if err := json.NewDecoder(os.Stdin).Decode(&claimed); err != nil {
		return 0, err
	}
	// tlog computes roots from this storage.
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var hashes []tlog.Hash
		for _, index := range indexes {
			hashes = append(hashes, stored[index])
		}
		return hashes, nil
	})
	var leaves []tlog.Hash
	for n, leaf := range claimed.Leaves {
		data, err := hex.DecodeString(leaf)
		if err != nil {
			return 0, err
		}
		hashes, err := tlog.StoredHashes(int64(n), data, reader)
		if err != nil {
			return 0, err
		}
		stored = append(stored, hashes...)
		leaves = append(leaves, tlog.RecordHash(data))
	}
	count := 0
	var known []note.Verifier
	for _, text := range claimed.Verifiers {
		verifier, err := note.NewVerifier(text)
		if err != nil {
			return 0, fmt.Errorf("%s: %v", text, err)
		}
		known = append(known, verifier)
	}
	verifiers := note.VerifierList(known...)
	for _, text := range claimed.Notes {
		if err := checkNote(text, claimed.Origin, verifiers, reader); err != nil {
			return 0, err
		}
		count++
	}
	for _, claim := range claimed.Inclusion {
		proof, err := hashes(claim.Proof)
		if err != nil {
			return 0, err
		}
		root, err := tlog.TreeHash(claim.Size, reader)
		if err != nil {
			return 0, err
		}
		if err := tlog.CheckRecord(proof, claim.Size, root, claim.Entry, leaves[claim.Entry]); err != nil {
			return 0, fmt.Errorf("entry %d in %d: %v", claim.Entry, claim.Size, err)
		}
		count++
	}
	for _, claim := range claimed.Consistency {
		proof, err := hashes(claim.Proof)
		if err != nil {
			return 0, err
		}
		// tlog has no tree of size 0.
		if claim.From == 0 {
			if len(proof) != 0 {
				return 0, fmt.Errorf("from 0 to %d: a proof", claim.To)
			}
			continue
		}
		from, err := tlog.TreeHash(claim.From, reader)
		if err != nil {
			return 0, err
		}
		to, err := tlog.TreeHash(claim.To, reader)
		if err != nil {
			return 0, err
		}
		if err := tlog.CheckTree(proof, claim.To, to, claim.From, from); err != nil {
			return 0, fmt.Errorf("from %d to %d: %v", claim.From, claim.To, err)
		}
		count++
	}
	for _, refused := range claimed.Refused {
		if _, err := note.Open([]byte(refused.Note), verifiers); err == nil {
			return 0, fmt.Errorf("this note was opened: %s", refused.Why)
		}
		count++
	}
	return count, nil
}

// checkNote opens a note, and compares its three lines with the leaves.
func checkNote(text, origin string, verifiers note.Verifiers, reader tlog.HashReader) error {
	opened, err := note.Open([]byte(text), verifiers)
	if err != nil {
		return err
	}
	if len(opened.UnverifiedSigs) != 0 {
		return fmt.Errorf("a signature of no known key")
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != origin || lines[3] != "" {
		return fmt.Errorf("no checkpoint: %q", opened.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return err
	}
	root, err := tlog.TreeHash(size, reader)
	if err != nil {
		return err
	}
	stated, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || size > 0 && !bytes.Equal(stated, root[:]) {
		return fmt.Errorf("another root of %d entries", size)
	}
	return nil
}

func hashes(texts []string) ([]tlog.Hash, error) {
	var found []tlog.Hash
	for _, text := range texts {
		var hash tlog.Hash
		if n, err := hex.Decode(hash[:], []byte(text)); err != nil || n != len(hash) {
			return nil, fmt.Errorf("no hash: %s", text)
		}
		found = append(found, hash)
	}
	return found, nil
}
