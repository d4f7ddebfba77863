// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0)
// Bytes of files that programs asked for, by block device, whether they were in memory or had to be waited for: so that
// the figure does not depend on the device's read-ahead. Nothing is sent: user space reads the totals.
//
// Each hook stands here twice: as a tracepoint of the page cache where the kernel has those, else on the function itself
// (not every kernel lets programs attach to functions). User space loads one set.
#include "bpf/file_demand.h"
#include "bpf/vmlinux_min.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define TIER_PAGE_SHIFT 12
#define TIER_PAGE (1ULL << TIER_PAGE_SHIFT)
#define TIER_TYPE_OF_FILE 0170000 /* S_IFMT */
#define TIER_BLOCK_FILE 0060000   /* S_IFBLK */
#define TIER_MAJOR_SHIFT 20

/* Bytes that a fault may map without more evidence: a folio as the default read-ahead makes it. */
#define TIER_BELIEVED_FOLIO (128ULL << 10)

/* Jiffies (1 to 10 ms each) after which a file is passed anew, rather than on. */
#define TIER_SAME_PASS 128

/* Streams whose last request is known; of more, those unused longest begin anew. */
#define TIER_DEMAND_STREAMS 16384

/* One thread's way through one file. */
struct stream {
  struct address_space *file;
  __u64 thread;
};

/* The last request of a stream, in bytes of the file. */
struct request {
  __u64 begin;
  __u64 from, to; /* of a read: the same and its end; of a fault: what fault-around may map with it */
  __s64 stride;   /* from the begin of the one before; 0: none yet */
  __u64 run;      /* bytes passed in sequence up to `begin` */
  __u64 jiffies;  /* when; of faults */
  __u64 rough;    /* of a fault: only `from` and `to` are known so far */
};

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, TIER_DEMAND_STREAMS);
  __type(key, struct stream);
  __type(value, struct request);
} streams SEC(".maps");

/* Bytes that a fault may map at most because they are one folio (Linux 6.18), by file: that of the largest of late. A file
 * whose readers jump about is read in small ones. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, TIER_DEMAND_STREAMS);
  __type(key, struct address_space *);
  __type(value, __u64);
} folios SEC(".maps");

/* Not atomic: a program does not run twice at once on a CPU, and two different ones that meet lose a count at most. */
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
  __uint(max_entries, TIER_DEMAND_DEVICES);
  __type(key, __u32);
  __type(value, struct tier_file_demand);
} by_device SEC(".maps");

enum order { kOther, kSequential, kStrided };

static __always_inline void count(__u32 device, __u64 bytes, enum order order) {
  struct tier_file_demand *total = bpf_map_lookup_elem(&by_device, &device);
  if (!total) {
    struct tier_file_demand none = {};
    bpf_map_update_elem(&by_device, &device, &none, BPF_NOEXIST); /* another CPU may have been first */
    total = bpf_map_lookup_elem(&by_device, &device);
    if (!total) return;
  }
  total->bytes += bytes;
  if (order == kSequential) total->sequential += bytes;
  if (order == kStrided) total->strided += bytes;
}

/* 0: it lies on no one block device. Such file systems (network, memory, FUSE, btrfs) have a read-ahead of their own. */
static __always_inline __u32 device_of(struct inode *inode) {
  __u32 device = (inode->i_mode & TIER_TYPE_OF_FILE) == TIER_BLOCK_FILE ? inode->i_rdev : inode->i_sb->s_dev;
  return device >> TIER_MAJOR_SHIFT ? device : 0;
}

static __always_inline void move_to(struct request *last, __u64 begin, __u64 from, __u64 to, enum order order,
                                    int rough) {
  last->stride = begin - last->begin;
  last->run = order == kSequential && begin > last->begin ? last->run + (begin - last->begin) : 0;
  last->begin = begin;
  last->from = from;
  last->to = to;
  last->rough = rough;
}

/* Of a request that is not next to the last one. */
static __always_inline enum order order_of(const struct request *last, __u64 begin) {
  /* As the kernel has it (page_cache_sync_ra): who reads the beginning is taken to read on. */
  if (begin == 0) return kSequential;
  return last && last->stride && (__s64)(begin - last->begin) == last->stride ? kStrided : kOther;
}

static __always_inline void count_first(const struct stream *stream, __u32 device, __u64 bytes,
                                        const struct request *first) {
  count(device, bytes, order_of(0, first->begin));
  bpf_map_update_elem(&streams, stream, first, BPF_ANY);
}

/* A read from `begin` to `to`. What the last one had asked for already is its rest, or of the same page, and counts once; but
 * whole pages that are read again from the same place are asked for again. */
static __always_inline void count_read(struct address_space *file, __u64 begin, __u64 to) {
  struct inode *inode = file->host;
  __u32 device = device_of(inode);
  if (!device || begin >= to) return;
  struct stream stream = {file, (__u32)bpf_get_current_pid_tgid()};
  struct request *last = bpf_map_lookup_elem(&streams, &stream);
  if (!last) {
    struct request first = {.begin = begin, .from = begin, .to = to};
    count_first(&stream, device, to - begin, &first);
    return;
  }
  int again = begin == last->begin && to - begin > TIER_PAGE;
  enum order order = kSequential;
  if (begin < last->begin || begin > last->to || again) {
    order = order_of(last, begin);
    count(device, to - begin, order);
  } else if (to > last->to) {
    count(device, to - last->to, order);
  } else {
    return;
  }
  move_to(last, begin, begin, to, order, 0);
}

/* Whether all up to `at` may have been mapped with the last fault. A large folio is believed only of who has gone half as far
 * in sequence, or goes from one to the next: else who jumps about in a small file would seem to pass all of it. */
static __always_inline int reached(struct address_space *file, const struct request *last, __u64 at) {
  if (at <= last->begin) return 0;
  if (at <= last->to) return 1;
  __u64 *folio = bpf_map_lookup_elem(&folios, &file);
  __u64 step = at - last->begin;
  if (!folio || step > *folio || bpf_jiffies64() - last->jiffies > TIER_SAME_PASS) return 0;
  return step <= TIER_BELIEVED_FOLIO || step / 2 <= last->run || (__s64)step == last->stride;
}

/* A fault at `at`, forward, backward, or by a jump from the last one. */
static __always_inline void count_fault(struct address_space *file, __u32 device, struct request *last, __u64 at,
                                        __u64 from, __u64 to, int rough) {
  enum order order = kOther;
  __u64 bytes = TIER_PAGE;
  if (reached(file, last, at)) {
    order = kSequential;
    bytes = at - last->begin;
  } else if (at < last->begin && at + TIER_PAGE >= last->from) {
    bytes = last->begin - at;
  } else {
    order = order_of(last, at);
  }
  count(device, bytes, order);
  move_to(last, at, from, to, order, rough);
  last->jiffies = bpf_jiffies64();
}

/* Pages of `from` to `to` are mapped for a fault at one of them, as far as they are in memory. Beside the last such span
 * (they overlap where memory does not begin as the file does): the pages up to there were passed without a fault. So the
 * sum is the same whether the kernel maps one page at a time, as it does where nothing was read ahead, or sixteen. */
static __always_inline void count_span(struct address_space *file, __u64 from, __u64 to) {
  __u32 device = device_of(file->host);
  if (!device) return;
  struct stream stream = {file, (__u32)bpf_get_current_pid_tgid()};
  struct request *last = bpf_map_lookup_elem(&streams, &stream);
  if (!last) {
    struct request first = {.begin = from, .from = from, .to = to, .rough = 1};
    count_first(&stream, device, TIER_PAGE, &first);
  } else if (from <= last->begin && last->begin < to) { /* if it is not there: count_page comes next */
    last->from = from;
    last->to = to;
  } else {
    count_fault(file, device, last, from > last->begin ? from : to - TIER_PAGE, from, to, 1);
  }
}

/* A fault at `at` that must read the page, or writes to it: read faults may have come to count_span before. */
static __always_inline void count_page(struct address_space *file, __u64 at) {
  __u32 device = device_of(file->host);
  if (!device) return;
  struct stream stream = {file, (__u32)bpf_get_current_pid_tgid()};
  struct request *last = bpf_map_lookup_elem(&streams, &stream);
  if (!last) {
    struct request first = {.begin = at, .from = at, .to = at + TIER_PAGE};
    count_first(&stream, device, TIER_PAGE, &first);
  } else if (at == last->begin || (last->rough && at >= last->from && at < last->to)) {
    last->begin = at;
    last->rough = 0;
  } else {
    int inside = at >= last->from && at < last->to;
    count_fault(file, device, last, at, inside ? last->from : at, inside ? last->to : at + TIER_PAGE, 0);
  }
}

/* Both ends are pages, the last one included; raised again for the rest of a read that is not all there at once. */
SEC("tp_btf/mm_filemap_get_pages")
int BPF_PROG(on_get_pages, struct address_space *file, unsigned long first_page, unsigned long last_page) {
  __u64 to = ((__u64)last_page + 1) << TIER_PAGE_SHIFT, size = file->host->i_size;
  count_read(file, (__u64)first_page << TIER_PAGE_SHIFT, to < size ? to : size);
  return 0;
}

SEC("tp_btf/mm_filemap_map_pages")
int BPF_PROG(on_map_pages, struct address_space *file, unsigned long first_page, unsigned long last_page) {
  count_span(file, (__u64)first_page << TIER_PAGE_SHIFT, ((__u64)last_page + 1) << TIER_PAGE_SHIFT);
  return 0;
}

SEC("tp_btf/mm_filemap_fault")
int BPF_PROG(on_fault, struct address_space *file, unsigned long page) {
  count_page(file, (__u64)page << TIER_PAGE_SHIFT);
  return 0;
}

SEC("tp_btf/mm_filemap_add_to_page_cache")
int BPF_PROG(on_add_to_cache, struct folio *folio) {
  struct address_space *file = folio->mapping;
  if (!device_of(file->host)) return 0;
  /* The flags come first in every kernel, and differ in type. */
  __u64 flags = *(__u64 *)folio, head = 1UL << bpf_core_enum_value(enum pageflags, PG_head), bytes = TIER_PAGE;
  if (bpf_core_field_exists(folio->_nr_pages) && (flags & head)) bytes = (__u64)folio->_nr_pages << TIER_PAGE_SHIFT;
  __u64 *largest = bpf_map_lookup_elem(&folios, &file);
  if (!largest) {
    bpf_map_update_elem(&folios, &file, &bytes, BPF_ANY);
    return 0;
  }
  __u64 shrunk = *largest - *largest / 8; /* the last ones of a file are small, and nothing changed with them */
  *largest = bytes > shrunk ? bytes : shrunk;
  return 0;
}

/* Kernels without these tracepoints. */
SEC("fexit/filemap_read")
int BPF_PROG(on_read_function, struct kiocb *request, void *into, long already, long done) {
  if (done > already)
    count_read(request->ki_filp->f_mapping, request->ki_pos - (done - already), request->ki_pos);
  return 0;
}

SEC("fentry/filemap_map_pages")
int BPF_PROG(on_map_function, struct vm_fault *fault, unsigned long first_page, unsigned long last_page) {
  count_span(fault->vma->vm_file->f_mapping, (__u64)first_page << TIER_PAGE_SHIFT,
             ((__u64)last_page + 1) << TIER_PAGE_SHIFT);
  return 0;
}

SEC("fentry/filemap_fault")
int BPF_PROG(on_fault_function, struct vm_fault *fault) {
  count_page(fault->vma->vm_file->f_mapping, (__u64)fault->pgoff << TIER_PAGE_SHIFT);
  return 0;
}
