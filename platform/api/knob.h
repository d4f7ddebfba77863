/* Where a setting of the machine lives that is one number. In C, for the program that puts settings back. */
#pragma once

#include <stdint.h>

enum TierKnobKind {
  kTierKnobRegister = 0,    /* unit: CPU; index: the register's address; a model-specific register */
  kTierKnobReadahead = 1,   /* unit: the block device's number, major << 20 | minor; index 0; KiB */
  kTierKnobPageCluster = 2, /* unit and index 0; log2 of the pages that swap reads ahead */
};

struct TierKnob {
  uint32_t kind;
  uint32_t unit;
  uint32_t index;
};
