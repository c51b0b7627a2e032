// SPDX-License-Identifier: GPL-2.0-only
/*
 * What BPF_PROG_TEST_RUN repeats: the packet is made anew, as the next flow's, then the program
 * under test is called. A tail call does not come back, so what that program did to the packet
 * is undone at the start of the next run. `untouched` is the program that shows what all that costs.
 */
#include "packet/headers.h"
#include "packet/packet.h"

#define WORDS 10
#define FRAME (ETH_HLEN + WORDS * 8)
#define FIRST_ADDRESS 0x0a000000 /* of the clients, in the lower 32 bits of an IPv6 address */
#define FIRST_PORT 1024

/*
 * IP headers begin 14 bytes into the frame: cut into words from
 * there on, each field that programs read is in one word. A load that spans two recent stores
 * would have to wait for both, which no packet from a network card does.
 */
struct run {
	__u64 macs;
	__u32 macs_rest;
	__u16 protocol;
	__u16 pad;
	__u32 next;      /* counts packets */
	__u32 step;      /* odd; more than 1 visits the flows in another order than they came in */
	__u32 mask;      /* number of flows, a power of two, less one */
	__u32 port_bits; /* how many ports each client has: 2 to the power of this */
	__u64 word[WORDS];
};
/* runs: what is to be done. One entry, written by user space. */
BPF_F_TABLE("array", u32, struct run, runs, 1, BPF_F_MMAPABLE);
/* programs: the one under test. */
BPF_PROG_ARRAY(programs, 1);
/* arrived: frames that came back over the wire. */
BPF_PERCPU_ARRAY(arrived, u64, 1);

/* What the last run has added in front, or taken off behind, is undone. */
INLINE int restore(struct xdp_md *ctx, const int behind)
{
	int more = FRAME - (int)(ctx->data_end - ctx->data);

	return behind ? bpf_xdp_adjust_tail(ctx, more) : bpf_xdp_adjust_head(ctx, -more);
}

INLINE int make_packet(struct xdp_md *ctx, const int behind)
{
	__u32 zero = 0, flow, address;
	struct run *run = runs.lookup(&zero);
	__u64 *word, port;
	void *at;

	if (!run)
		return -1;
	/* Also if there is nothing to undo: what it costs is in the floor then. */
	if (restore(ctx, behind))
		return -1;
	at = (void *)(long)ctx->data;
	if (at + FRAME > (void *)(long)ctx->data_end)
		return -1;
	flow = run->next++ * run->step & run->mask;
	address = __cpu_to_be32(FIRST_ADDRESS + (flow >> (run->port_bits & 31)));
	port = __cpu_to_be16(FIRST_PORT + (flow & ((1u << (run->port_bits & 31)) - 1)));

	*(__u64 *)at = run->macs;
	*(__u32 *)(at + 8) = run->macs_rest;
	*(__u16 *)(at + 12) = run->protocol;
	word = at + ETH_HLEN;
#pragma unroll
	for (int i = 0; i < WORDS; i++) {
		__u64 value = run->word[i];

		if (run->protocol == HTONS(ETH_P_IP)) {
			if (i == 1)
				value = (__u32)value | (__u64)address << 32;
			if (i == 2)
				value = (value & ~0xffff00000000ULL) | port << 32;
		} else {
			if (i == 2)
				value = (__u32)value | (__u64)address << 32;
			if (i == 5)
				value = (value & ~0xffffULL) | port;
		}
		word[i] = value;
	}
	return 0;
}

int wrapper(struct xdp_md *ctx)
{
	if (!make_packet(ctx, 0))
		programs.call(ctx, 0);
	return XDP_ABORTED;
}

/* Around programs that answer. */
int wrapper_of_answers(struct xdp_md *ctx)
{
	if (!make_packet(ctx, 1))
		programs.call(ctx, 0);
	return XDP_ABORTED;
}

int untouched(struct xdp_md *ctx)
{
	return XDP_PASS;
}

/* Over a wire: one end sends, the other sends back, and the first one counts what comes. */
int sender(struct xdp_md *ctx)
{
	return make_packet(ctx, 0) ? XDP_ABORTED : XDP_TX;
}

int bounce(struct xdp_md *ctx)
{
	return XDP_TX;
}

int sink(struct xdp_md *ctx)
{
	__u32 zero = 0;
	__u64 *frames = arrived.lookup(&zero);

	if (frames)
		*frames += 1;
	return XDP_DROP;
}
