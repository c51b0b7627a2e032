// SPDX-License-Identifier: GPL-2.0-only
/* The maps of the backend side. The loader defines MAX_PREFIXES and MAX_ADDRESSES. */
#pragma once

#include "maps/address.h"
#include "maps/decap_verdicts.h"

struct prefix {
	__u32 length; /* bits; of an IPv4 prefix 96 more */
	union address address;
} __attribute__((packed));
SIZE_IS(struct prefix, 20);

struct decap_counter {
	__u64 packets;
	__u64 bytes;
};

/* allowed: outer sources. Key prefix, value unused. Written by user space. */
BPF_F_TABLE("lpm_trie", struct prefix, u32, allowed, MAX_PREFIXES, BPF_F_NO_PREALLOC);
/* own: outer destinations. Key address, value unused. Written by user space. */
BPF_F_TABLE("hash", union address, u32, own, MAX_ADDRESSES, 0);
/* verdicts: packets and bytes by verdict. Written by the data path. */
BPF_PERCPU_ARRAY(verdicts, struct decap_counter, DECAP_VERDICT_COUNT);
