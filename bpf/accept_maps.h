// SPDX-License-Identifier: GPL-2.0-only
/* The maps of a backend that accepts cookies. */
#pragma once

#include "accept_verdicts.h"
#include "address.h"

/* By generation modulo 4; the current one is valid, that before, and the one to come. */
struct accept_keys {
	__u64 cookie[4][2];
	__u32 generation;
	__u32 wscale; /* what the gateways announce */
};

/* Addresses and ports whose last connection is in the way of a new one. */
struct left_over {
	union address client;
	union address server;
	__be16 client_port;
	__be16 server_port; /* 0: there is none here */
	__u32 pad;
};
SIZE_IS(struct left_over, 40);

#define LEFT_OVERS 64

struct accept_counter {
	__u64 packets;
	__u64 bytes;
};

#define MAX_GATEWAYS 4
#define KEY_SETS 8 /* two of each gateway */

/*
 * accept_keys: of each gateway the present ones, and behind them, after a leap over generations that
 * it may yet have to make, the former ones. Of generation 0 where there are none. User space.
 */
BPF_ARRAY(accept_keys, struct accept_keys, KEY_SETS);
/* left_overs: what user space is to end, by the client's port. Data path, emptied by user space. */
BPF_ARRAY(left_overs, struct left_over, LEFT_OVERS);
/* verdicts: packets and bytes by verdict. Written by the data path. */
BPF_PERCPU_ARRAY(verdicts, struct accept_counter, ACCEPT_VERDICT_COUNT);
