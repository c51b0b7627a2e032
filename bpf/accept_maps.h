// SPDX-License-Identifier: GPL-2.0-only
/* The maps of a backend that accepts cookies. */
#pragma once

#include "accept_verdicts.h"

/* By generation modulo 4; the current one is valid, that before, and the one to come. */
struct accept_keys {
	__u64 cookie[4][2];
	__u32 generation;
	__u32 wscale; /* what the gateways announce */
};

struct accept_counter {
	__u64 packets;
	__u64 bytes;
};

#define KEY_SETS 2

/*
 * accept_keys: the present ones; and after a leap over generations, for gateways that are about to
 * leap too, the former ones. Of generation 0 where there are none. Written by user space.
 */
BPF_ARRAY(accept_keys, struct accept_keys, KEY_SETS);
/* verdicts: packets and bytes by verdict. Written by the data path. */
BPF_PERCPU_ARRAY(verdicts, struct accept_counter, ACCEPT_VERDICT_COUNT);
