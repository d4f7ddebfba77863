/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/* The path of a mapped file, as bpf_d_path() would write it: that helper asks for a file that the verifier trusts, and
 * some kernels (seen on Linux 6.18) trust no mapping's. What is read here stays in place while it is read: the mapping,
 * whose lock the iterator holds, keeps its file, a file its name, a name the folders above it; what a rename replaces
 * meanwhile is freed after the program has ended (RCU). A rename while it is read gives a wrong name once. */
#ifndef TIER_FILE_NAMES_H
#define TIER_FILE_NAMES_H

#include "bpf/mappings.h"
#include "bpf/vmlinux_min.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#define TIER_PATH_BYTES 4096 /* PATH_MAX */
#define TIER_PART_BYTES 1024 /* more than any file system allows a part of a path: 255 characters of UTF-16 */
#define TIER_PATH_STEPS 4096 /* each takes a byte of the path or more, or crosses from one mount to another */

/* linux/magic.h, linux/net.h. */
#define TIER_ANON_INODE_MAGIC 0x09041934
#define TIER_SOCKET_MAGIC 0x534f434b
#define TIER_BUFFER_MAGIC 0x444d4142
#define TIER_OVERLAY_MAGIC 0x794c7630
#define TIER_FUSE_MAGIC 0x65735546

/* FMODE_BACKING of linux/fs.h: bit 24 since Linux 6.14, bit 25 before. */
#define TIER_MAY_BE_BACKING (3U << 24)

/* A path is written from its end; the verifier, which does not know where that is, wants room for the longest beyond. */
unsigned char file_name[3 * TIER_PATH_BYTES];

/* Where paths begin for who reads. */
struct mount *root_mount = 0;
struct dentry *root_dentry = 0;

struct tier_name {
  __u32 at, length; /* in file_name */
  __u32 kind;       /* enum tier_vma_name */
};

struct path_walk {
  struct dentry *dentry;
  struct mount *mount;
  struct dentry *top; /* of the mount */
  __u32 at;           /* in file_name, where the path begins so far */
  __u32 whole;
};

static __always_inline struct mount *mount_of(struct vfsmount *mount) {
  return (struct mount *)((unsigned long)mount - bpf_core_field_offset(struct mount, mnt));
}

static __always_inline void take_reader_root(void) {
  struct fs_struct *fs = BPF_CORE_READ(bpf_get_current_task_btf(), fs);
  root_mount = mount_of(BPF_CORE_READ(fs, root.mnt));
  root_dentry = BPF_CORE_READ(fs, root.dentry);
}

/* One part of the path, or one mount, up: as prepend_path() of fs/d_path.c goes. 1 at the end. */
static long path_step(__u32 step, struct path_walk *walk) {
  struct dentry *dentry = walk->dentry;
  struct mount *mount = walk->mount;
  struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
  struct qstr name = {};
  if (dentry == root_dentry && mount == root_mount) {
    walk->whole = 1;
    return 1;
  }
  if (dentry == walk->top) {
    struct mount *below = BPF_CORE_READ(mount, mnt_parent);
    walk->whole = below == mount;
    if (walk->whole) return 1;
    walk->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
    walk->mount = below;
    walk->top = BPF_CORE_READ(below, mnt.mnt_root);
    return 0;
  }
  if (dentry == parent) { /* a folder that lies outside of what is mounted */
    walk->whole = 1;
    return 1;
  }
  if (bpf_core_read(&name.len, sizeof(name.len), &dentry->d_name.len)) return 1;
  if (bpf_core_read(&name.name, sizeof(name.name), &dentry->d_name.name)) return 1;
  __u32 length = name.len, at = walk->at;
  if (length >= TIER_PART_BYTES || at < length + 1) return 1;
  at -= length;
  if (bpf_probe_read_kernel(file_name + (at & (TIER_PATH_BYTES - 1)), length & (TIER_PART_BYTES - 1), name.name)) return 1;
  at -= 1;
  file_name[at & (TIER_PATH_BYTES - 1)] = '/';
  walk->at = at;
  walk->dentry = parent;
  return 0;
}

/* The path that the program knows a file by. What overlayfs and FUSE map is a file of what lies below them; since Linux
 * 6.7 its own path follows it (struct backing_file of fs/file_table.c). That type is not named here: libbpf would look for
 * it in modules where the kernel lacks it, for which CAP_BPF is not enough. */
static __always_inline struct path path_of(struct file *file) {
  struct path path = {};
  if (BPF_CORE_READ(file, f_mode) & TIER_MAY_BE_BACKING) {
    struct path *own = (struct path *)((unsigned long)file + bpf_core_type_size(struct file));
    path.mnt = BPF_CORE_READ(own, mnt);
    path.dentry = BPF_CORE_READ(own, dentry);
    unsigned long magic = BPF_CORE_READ(path.dentry, d_sb, s_magic);
    if (magic == TIER_OVERLAY_MAGIC || magic == TIER_FUSE_MAGIC) return path;
  }
  path.mnt = BPF_CORE_READ(file, f_path.mnt);
  path.dentry = BPF_CORE_READ(file, f_path.dentry);
  return path;
}

static __always_inline __u32 kind_without_folder(unsigned long magic) {
  if (magic == TIER_ANON_INODE_MAGIC) return TIER_NAME_ANON_INODE;
  if (magic == TIER_SOCKET_MAGIC) return TIER_NAME_SOCKET;
  return magic == TIER_BUFFER_MAGIC ? TIER_NAME_BUFFER : TIER_NAME_NO_FOLDER;
}

/* Of a file on a file system of that kind. Leaves the name in file_name, until the next one. */
static __always_inline struct tier_name name_of(struct file *file, unsigned long magic) {
  struct tier_name name = {};
  struct path path = path_of(file);
  struct path_walk walk = {.dentry = path.dentry, .mount = mount_of(path.mnt), .at = TIER_PATH_BYTES - 1};
  walk.top = BPF_CORE_READ(path.mnt, mnt_root);
  int alone = BPF_CORE_READ(path.dentry, d_parent) == path.dentry;
  if (BPF_CORE_READ(path.dentry, d_op, d_dname) && !(alone && path.dentry == walk.top)) {
    __u32 length = BPF_CORE_READ(path.dentry, d_name.len);
    name.kind = kind_without_folder(magic);
    if (length >= TIER_PART_BYTES || name.kind == TIER_NAME_SOCKET) return name;
    if (!bpf_probe_read_kernel(file_name, length & (TIER_PART_BYTES - 1), BPF_CORE_READ(path.dentry, d_name.name)))
      name.length = length;
    return name;
  }
  if (!alone && !BPF_CORE_READ(path.dentry, d_hash.pprev)) name.kind = TIER_NAME_UNLINKED;
  bpf_loop(TIER_PATH_STEPS, path_step, &walk, 0);
  if (!walk.whole) return name;
  name.at = walk.at;
  name.length = TIER_PATH_BYTES - 1 - walk.at;
  return name;
}

#endif
