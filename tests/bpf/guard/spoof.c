// SPDX-License-Identifier: GPL-2.0-only
/*
 * A flood for BPF_PROG_TEST_RUN to repeat: the frame is made anew from a template, with a source,
 * port and sequence number that nobody has, then the program under test is called. That does not
 * come back, so what it did to the frame is undone at the start of the next run.
 */
#include "packet/headers.h"
#include "packet/packet.h"

struct frame {
	struct ethhdr eth;
	struct iphdr ip;
	struct tcphdr tcp;
} __attribute__((packed));

struct template
{
	struct frame frame;
	__u8 flags[4]; /* of which each frame has one or the other */
	__u8 pad[6];
};

/* templates: one. Written by user space. */
BPF_F_TABLE("array", u32, struct template, templates, 1, BPF_F_MMAPABLE);
/* programs: the one under test. */
BPF_PROG_ARRAY(programs, 1);

int spoof(struct xdp_md *ctx)
{
	__u32 zero = 0, random = bpf_get_prandom_u32();
	struct template *t = templates.lookup(&zero);
	struct frame *frame;

	if (!t || bpf_xdp_adjust_head(ctx, (int)(ctx->data_end - ctx->data) - (int)sizeof(*frame)))
		return XDP_ABORTED;
	frame = (void *)(long)ctx->data;
	if ((void *)(frame + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	__builtin_memcpy(frame, &t->frame, sizeof(*frame));
	/* Of 10.0.0.0/8. */
	frame->ip.saddr = HTONL(10u << 24) | (bpf_get_prandom_u32() & HTONL(0xffffff));
	frame->tcp.source = random;
	frame->tcp.seq = bpf_get_prandom_u32();
	((__u8 *)&frame->tcp)[13] = t->flags[random >> 16 & 3];
	programs.call(ctx, 0);
	return XDP_ABORTED;
}
