// SPDX-License-Identifier: GPL-2.0-only
/*
 * The lab's flood, for the guard to be tried by. `flood` writes one frame after another for
 * BPF_F_TEST_XDP_LIVE_FRAMES, each of a source, port and sequence number of its own. `shore` is
 * for the interface that the flood leaves by: what comes back to the sources ends there, and bots
 * answer it. Loaded by accel/lab/clients/flood.py; the gateway has nothing of it.
 */
#include "packet/headers.h"
#include "packet/packet.h"
#include "lab/flood.h"
#include "lab/flood_frame.h"
#include "lab/flood_answer.h"

int flood(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct flood *f = floods.lookup(&zero);
	const struct pattern *pattern;
	const struct prefix *prefix;
	__u64 first, second, third, *word;
	struct drawn d;
	void *at;

	if (!f)
		return XDP_ABORTED;
	first = mix(f->seed + f->sent * GOLDEN);
	second = mix(first + GOLDEN);
	third = mix(second + GOLDEN);
	pattern = &f->pattern[first & (KINDS - 1)];
	prefix = &f->prefix[first >> 3 & (PREFIXES - 1)];
	d.port = __cpu_to_be16(LOWEST_PORT + (first >> 6 & PORTS));
	d.seq = first >> 32;
	d.ack = third >> 32 & pattern->ack;
	d.source[0] = prefix->base[0] | (second & prefix->mask[0]);
	d.source[1] = prefix->base[1] | (third & prefix->mask[1]);

	at = (void *)(long)ctx->data;
	if (at + FLOOD_FRAME > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	word = at;
#pragma unroll
	for (int i = 0; i < WORDS; i++)
		word[i] = pattern->word[i];
	if (f->version == 4)
		write_ipv4(at, pattern, &d);
	else
		write_ipv6(at, pattern, &d);
	if (bpf_xdp_adjust_tail(ctx, (int)pattern->length - FLOOD_FRAME))
		return XDP_ABORTED;
	f->sent++;
	return XDP_TX;
}

int shore(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct ipv6hdr *ip6 = (void *)(eth + 1);
	void *end = (void *)(long)ctx->data_end;
	int surplus = end - (void *)eth - ETH_HLEN - (int)sizeof(struct tcphdr);
	__u32 zero = 0;
	struct flood *f = floods.lookup(&zero);
	union address to = {};
	int action;

	if (!f || (void *)(ip + 1) > end)
		return XDP_PASS;
	if (f->version == 4 && eth->h_proto == HTONS(ETH_P_IP))
		to.word[0] = ip->daddr;
	else if (f->version == 6 && eth->h_proto == HTONS(ETH_P_IPV6) && (void *)(ip6 + 1) <= end)
		copy_address(&to, &ip6->daddr);
	else
		return XDP_PASS;
	if (!of_flood(f, to.half[0], to.half[1]))
		return XDP_PASS;
	__sync_fetch_and_add(&f->returned, 1);
	if (!f->bots)
		return XDP_DROP;
	swap_macs(eth);
	if (f->version == 4) {
		action = answer_ipv4(ctx, ip);
		surplus -= sizeof(*ip);
	} else {
		if ((void *)(ip6 + 1) > end)
			return XDP_DROP;
		action = answer_ipv6(ctx, ip6);
		surplus -= sizeof(*ip6);
	}
	if (action != XDP_TX || bpf_xdp_adjust_tail(ctx, -surplus))
		return XDP_DROP;
	__sync_fetch_and_add(&f->answered, 1);
	return XDP_TX;
}
