/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/* What the kernel side of the file-demand meter counts. */
#ifndef TIER_FILE_DEMAND_H
#define TIER_FILE_DEMAND_H

#include <linux/types.h>

/* Block devices that are told apart; what programs ask of more than these is not counted. */
#define TIER_DEMAND_DEVICES 512

/* Bytes of files that programs asked for, by block device (the map `by_device`, key: major << 20 | minor). */
struct tier_file_demand {
  __u64 bytes;
  __u64 sequential; /* of them, what followed the last ones of the same thread and file, or began it */
  __u64 strided;    /* of them, what was as far from the last ones as these from those before */
};

#endif
