// SPDX-License-Identifier: GPL-2.0-only
/* The one packet that a run of the program has in hand, and how its bytes are read. */
#pragma once

#include "maps/address.h"
#include "packet/headers.h"

#define INLINE static __always_inline
#define NO_SLOT 0xffffffff

struct packet {
	struct xdp_md *ctx;
	void *at;  /* the cursor: what has not been read yet */
	void *end; /* of the frame */
	void *network;
	void *transport;
	union address source;
	union address destination;
	__be16 source_port;
	__be16 destination_port;
	__u32 frame_length;
	__u16 network_length;   /* IP header and all behind it, without Ethernet padding */
	__u16 transport_length; /* what of it is behind the IP headers */
	__u8 link_length;       /* Ethernet and VLAN headers */
	__u8 version;
	__u8 protocol;
	__u8 traffic_class;
	__u8 tcp_flags;
	__u8 has_ports; /* 0 for ICMP, later fragments and broken transport headers */
	__u8 later_fragment;
	__u8 more_fragments;
	__u8 quoted;    /* addresses and ports are those quoted by an ICMP error, turned round */
	__u8 dry;       /* explain: leave no trace in the maps */
	__u8 prefix;    /* what the prefixes say of the source (prefixes/prefix_filter.h) */
	__u8 allowed;   /* from an allowed prefix: no guard looks at it */
	__u8 passed;    /* what the guard has looked at already: enum passed */
	__u8 unsettled; /* its flow may have to be learned from */
	__u8 opens;     /* the first packet of its connection, or for UDP of its flow */
	__u8 late;      /* the first of a sampled flow with payload, which is not stored yet */
	__u8 outcome;   /* of hints: enum outcome */
	__u32 service;  /* its index; 0 for none */
	__u32 guard;    /* of the service; 0 for none */
	__u32 seconds;  /* of the clock that hints end by, once they are asked */
	__u32 settled;  /* the bits that say that a flow's word needs nothing more */
	__u32 number;   /* of the backend */
	__u32 slot;     /* of the ring; NO_SLOT if it was not asked */
	__u32 tag;
	__u32 reason;          /* the FORWARD_* verdict of the step that chose */
	__u32 action;          /* what forward() decided */
	struct service *entry; /* its line in the map */
	struct bucket *bucket;
	struct backend *backend;
};

#define PACKET(ctx_)                                                                               \
	{                                                                                          \
		.ctx = ctx_, .at = (void *)(long)ctx_->data, .end = (void *)(long)ctx_->data_end,  \
		.frame_length = ctx_->data_end - ctx_->data, .slot = NO_SLOT,                      \
		.dry = !!trace_of(ctx_),                                                           \
	}

/* Addresses and MACs in as few loads and stores as they take: memcpy goes by the alignment. */
INLINE void copy_address(void *to, const void *from)
{
	((__u64 *)to)[0] = ((const __u64 *)from)[0];
	((__u64 *)to)[1] = ((const __u64 *)from)[1];
}

INLINE void copy_mac(__u8 *to, const __u8 *from)
{
	*(__u32 *)to = *(const __u32 *)from;
	*(__u16 *)(to + 4) = *(const __u16 *)(from + 4);
}

INLINE void swap_macs(struct ethhdr *eth)
{
	__u8 mac[ETH_ALEN];

	copy_mac(mac, eth->h_source);
	copy_mac(eth->h_source, eth->h_dest);
	copy_mac(eth->h_dest, mac);
}

/* The next `size` bytes if the frame has them all, and the cursor behind them; else NULL. */
INLINE void *take(struct packet *p, __u32 size)
{
	void *here = p->at;

	if (here + size > p->end)
		return 0;
	p->at = here + size;
	return here;
}

/*
 * 0, of which the compiler and the verifier know only that it is a number. An offset that has it
 * in it looks the same whichever headers led there, and the verifier walks on from there once
 * instead of once for each combination of them (a twelfth of the instructions).
 */
INLINE __u32 nothing(const struct packet *p)
{
	return p->frame_length >> 20;
}

/*
 * What a run for `accel explain` leaves, in the metadata in front of the frame. Only user space
 * asks for it, by BPF_PROG_TEST_RUN: drivers hand in frames without metadata.
 */
#define TRACE_MAGIC 0x61636365
struct trace {
	__u32 magic;
	__u32 verdict;
	__u32 service;
	__u32 backend;
	__u32 slot;
	__u32 ifindex;
	__u32 tag;
	__u32 outcome;
};
SIZE_IS(struct trace, 32); /* the most that kernels before 6.8 allow */

INLINE struct trace *trace_of(struct xdp_md *ctx)
{
	struct trace *trace = (void *)(long)ctx->data_meta;

	if ((void *)(trace + 1) > (void *)(long)ctx->data || trace->magic != TRACE_MAGIC)
		return 0;
	return trace;
}
