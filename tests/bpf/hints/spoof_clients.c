// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clients that are not there, for BPF_PROG_TEST_RUN to repeat: of each source the packets of a plan,
 * in turn, then the next source. The program under test does not come back from its call, so what it
 * did to the frame is undone at the start of the next run.
 */
#include "packet/headers.h"
#include "packet/packet.h"

#define PAYLOAD 4
#define FRAME (14 + 20 + 20 + PAYLOAD)
#define STEPS 8

struct plan {
	__u8 frame[64];
	__u32 next; /* counts packets */
	__u32 steps;
	__u32 first; /* address of the first source */
	__u32 pad;
	struct {
		__u8 flags;
		__u8 payload;
	} step[STEPS];
};

/* plans: one. Written by user space. */
BPF_F_TABLE("array", u32, struct plan, plans, 1, BPF_F_MMAPABLE);
/* programs: the one under test. */
BPF_PROG_ARRAY(programs, 1);

int spoof_clients(struct xdp_md *ctx)
{
	__u32 zero = 0, step, source;
	struct plan *plan = plans.lookup(&zero);
	struct iphdr *ip;
	struct tcphdr *tcp;

	if (!plan || bpf_xdp_adjust_head(ctx, (int)(ctx->data_end - ctx->data) - FRAME))
		return XDP_ABORTED;
	ip = (void *)(long)ctx->data + 14;
	tcp = (void *)(ip + 1);
	if ((void *)(tcp + 1) + PAYLOAD > (void *)(long)ctx->data_end || !plan->steps)
		return XDP_ABORTED;
	__builtin_memcpy((void *)(long)ctx->data, plan->frame, FRAME);
	step = plan->next % plan->steps & (STEPS - 1);
	source = plan->next / plan->steps;
	plan->next += 1;
	ip->saddr = __cpu_to_be32(plan->first + source);
	tcp->seq = bpf_get_prandom_u32();
	tcp->ack_seq = bpf_get_prandom_u32();
	((__u8 *)tcp)[13] = plan->step[step].flags;
	if (!plan->step[step].payload)
		ip->tot_len = __cpu_to_be16(40);
	programs.call(ctx, 0);
	return XDP_ABORTED;
}
