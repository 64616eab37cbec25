package boltstore

import (
	"encoding/binary"
	"hash/fnv"
	"os"
)

// The layout of bbolt's file, version 2, as far as the walk below reads it. Numbers are in the machine's order.
const (
	pageHeader   = 16 // id 8, flags 2, count 2, overflow 4
	metaSum      = 56 // within a meta: what its checksum covers
	bucketHeader = 16 // root page 8, sequence 8, and behind them an inline page where root is 0
	element      = 16 // branch: position 4, key size 4, page 8; leaf: flags 4, position 4, key size 4, value size 4

	branchPage   = 0x01
	leafPage     = 0x02
	freelistPage = 0x10
	bucketLeaf   = 0x01 // a leaf element whose value is a bucket
)

// verifyPages walks the file's pages when it is opened, before bbolt's cursors follow them: those run in circles where a
// damaged page leads back, and beyond the file where it leads there. Every page must be where it says it is, belong to one
// place of one tree, and not be on the list of free pages, or a later write would overwrite it.
//
// Both meta pages must be sound. Commits write them in turn, and bbolt takes the older where the newer is damaged, which
// undoes the last commit without a word: a revocation could be in it. A crash does not explain a damaged one, for a meta
// lies in one sector, which disks write whole.
func verifyPages(path string, pageSize int) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // it was only read
	w := walker{file: file, size: pageSize, used: map[uint64]bool{0: true, 1: true}}
	root, free, err := w.metas()
	if err != nil {
		return err
	}
	if err := w.tree(root); err != nil {
		return err
	}
	return w.freelist(free)
}

// walker walks the pages of a file. high is the first page number that is not in use.
type walker struct {
	file *os.File
	size int
	high uint64
	used map[uint64]bool
}

// metas verifies both meta pages and returns the root and the freelist of the newer.
func (w *walker) metas() (root, free uint64, err error) {
	var newest uint64
	for n := range 2 {
		page := make([]byte, pageHeader+metaSum+8)
		if _, err := w.file.ReadAt(page, int64(n*w.size)); err != nil {
			return 0, 0, damaged("a meta page cannot be read")
		}
		meta := page[pageHeader:]
		h := fnv.New64a()
		_, _ = h.Write(meta[:metaSum]) // a hash does not fail
		if h.Sum64() != number64(meta[metaSum:]) {
			return 0, 0, damaged("a meta page does not match its checksum, so the last commit may be lost")
		}
		if tx := number64(meta[48:]); n == 0 || tx > newest {
			newest, root, free, w.high = tx, number64(meta[16:]), number64(meta[32:]), number64(meta[40:])
		}
	}
	return root, free, nil
}

func number16(b []byte) int    { return int(binary.NativeEndian.Uint16(b)) }
func number32(b []byte) uint64 { return uint64(binary.NativeEndian.Uint32(b)) }
func number64(b []byte) uint64 { return binary.NativeEndian.Uint64(b) }

// page reads a page with its overflow and takes it, once.
func (w *walker) page(id uint64) ([]byte, error) {
	if id >= w.high || w.used[id] {
		return nil, damaged("a page is used twice, or lies outside of the file")
	}
	head := make([]byte, pageHeader)
	if _, err := w.file.ReadAt(head, int64(id)*int64(w.size)); err != nil {
		return nil, damaged("a page cannot be read")
	}
	more := number32(head[12:])
	if number64(head) != id || more >= w.high-id {
		return nil, damaged("a page is not the one that it should be")
	}
	for n := range more + 1 {
		if w.used[id+n] {
			return nil, damaged("a page is used twice")
		}
		w.used[id+n] = true
	}
	page := make([]byte, (int(more)+1)*w.size)
	if _, err := w.file.ReadAt(page, int64(id)*int64(w.size)); err != nil {
		return nil, damaged("a page cannot be read")
	}
	return page, nil
}

// tree walks a tree of branch and leaf pages. It is as deep as there are new pages, so it ends.
func (w *walker) tree(id uint64) error {
	page, err := w.page(id)
	if err != nil {
		return err
	}
	return w.elements(page)
}

// elements verifies a branch or leaf page, and what it leads to.
func (w *walker) elements(page []byte) error {
	flags, count := number16(page[8:]), number16(page[10:])
	if flags != branchPage && flags != leafPage {
		return damaged("a page is neither branch nor leaf")
	}
	if pageHeader+count*element > len(page) {
		return damaged("a page has too many elements")
	}
	for i := range count {
		from := page[pageHeader+i*element:] // positions count from the element on
		var err error
		if flags == branchPage {
			err = w.branch(from)
		} else {
			err = w.leaf(from)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

var errOutside = damaged("an element lies outside of its page")

func (w *walker) branch(from []byte) error {
	if number32(from)+number32(from[4:]) > uint64(len(from)) {
		return errOutside
	}
	return w.tree(number64(from[8:]))
}

func (w *walker) leaf(from []byte) error {
	start := number32(from[4:]) + number32(from[8:])
	end := start + number32(from[12:])
	if end > uint64(len(from)) {
		return errOutside
	}
	if number32(from)&bucketLeaf == 0 {
		return nil
	}
	bucket := from[start:end]
	if len(bucket) < bucketHeader {
		return damaged("a bucket is too short")
	}
	if root := number64(bucket); root != 0 {
		return w.tree(root)
	}
	if len(bucket) < bucketHeader+pageHeader {
		return damaged("a bucket is too short")
	}
	return w.elements(bucket[bucketHeader:])
}

// freelist reads the list of free pages, none of which may be in use.
func (w *walker) freelist(id uint64) error {
	page, err := w.page(id)
	if err != nil {
		return err
	}
	if number16(page[8:]) != freelistPage {
		return damaged("the list of free pages is none")
	}
	count, ids := uint64(number16(page[10:])), page[pageHeader:]
	if count == 0xFFFF { // more than the header can count: the first element is the count
		count, ids = number64(ids), ids[8:]
	}
	if count > uint64(len(ids)/8) {
		return damaged("the list of free pages is too long")
	}
	for i := range count {
		free := number64(ids[i*8:])
		if free >= w.high || w.used[free] {
			return damaged("a page in use is on the list of free pages")
		}
		w.used[free] = true
	}
	return nil
}
