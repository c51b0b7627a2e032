// SPDX-License-Identifier: GPL-2.0-only
/* The maps of a backend that accepts cookies. */
#pragma once

#include "maps/cookie_acceptor_verdicts.h"
#include "maps/address.h"

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
	__be16 server_port;
	__u32 pad;
};
SIZE_IS(struct left_over, 40);

/* What is told of one: its end, and what the client sent, in host byte order. */
struct waiting {
	struct left_over left;
	__u32 seq;
	__u32 ack;
	__u32 time; /* the client's timestamp, and what it echoes */
	__u32 echo;
	__u8 timestamps;
	__u8 data; /* sent again by itself */
	__u8 pad[6];
};
SIZE_IS(struct waiting, 64);

#define LEFT_OVER_PAGES 16 /* 910 of them */
#define HELD_BACK 4096

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
/*
 * left_overs: struct waiting, of what user space is to end. When it is full, the client's next
 * segment tells again.
 */
BPF_RINGBUF_OUTPUT(left_overs, LEFT_OVER_PAGES);
/* held_back: since when, in ns, what comes without a cookie waits for what has one. Data path. */
BPF_TABLE("lru_hash", struct left_over, __u64, held_back, HELD_BACK);
/* verdicts: packets and bytes by verdict. Written by the data path. */
BPF_PERCPU_ARRAY(verdicts, struct accept_counter, ACCEPT_VERDICT_COUNT);
