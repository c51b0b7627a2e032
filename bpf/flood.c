// SPDX-License-Identifier: GPL-2.0-only
/*
 * The lab's flood, for the guard to be tried by. `flood` writes one frame after another for
 * BPF_F_TEST_XDP_LIVE_FRAMES, each of a source, port and sequence number of its own. `shore` is
 * for the interface that the flood leaves by: what comes back to the sources ends there, and bots
 * answer it. Loaded by accel/lab/clients/flood.py; the gateway has nothing of it.
 */
#include "headers.h"
#include "packet.h"
#include "checksum.h"

#define WORDS 12
#define FLOOD_FRAME (WORDS * 8) /* bytes that a frame is written in, before it is cut */
#define KINDS 8
#define PREFIXES 8
#define GOLDEN 0x9e3779b97f4a7c15ULL
#define LOWEST_PORT 1024
#define PORTS 0x7fff
#define HOPS 64

/* A frame without source, ports' first half, sequence and acknowledgement numbers. */
struct pattern {
	__u64 word[WORDS];
	__u32 length;
	__u32 ack;    /* all ones if it has an acknowledgement number */
	__u32 ip_sum; /* of the checksums, over what is there already */
	__u32 tcp_sum;
};

/* Sources: the bits of `mask` are drawn. IPv4 in the first four bytes; network byte order. */
struct prefix {
	__u64 base[2];
	__u64 mask[2];
};

struct flood {
	__u64 sent;
	__u64 returned; /* what came back to the sources */
	__u64 answered; /* and what of it bots have answered */
	__u64 seed;
	__u32 version;
	__u32 bots; /* 1: the sources answer challenges and cookies */
	struct pattern pattern[KINDS];
	struct prefix prefix[PREFIXES];
};

/* floods: the one. Written by user space, the counts by both programs. */
BPF_F_TABLE("array", u32, struct flood, floods, 1, BPF_F_MMAPABLE);

struct drawn {
	__be32 seq;
	__be32 ack;
	__be16 port;
	__u64 source[2];
};

/* The finalizer of splitmix64. */
INLINE __u64 mix(__u64 x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

INLINE int write_ipv4(void *at, const struct pattern *pattern, const struct drawn *d)
{
	struct iphdr *ip = at + ETH_HLEN;
	struct tcphdr *tcp = (void *)(ip + 1);
	__u32 source = d->source[0];

	ip->saddr = source;
	ip->check = ~fold((__u64)pattern->ip_sum + source);
	tcp->source = d->port;
	tcp->seq = d->seq;
	tcp->ack_seq = d->ack;
	tcp->check = ~fold((__u64)pattern->tcp_sum + source + d->port + d->seq + d->ack);
	return 0;
}

INLINE int write_ipv6(void *at, const struct pattern *pattern, const struct drawn *d)
{
	struct ipv6hdr *ip = at + ETH_HLEN;
	struct tcphdr *tcp = (void *)(ip + 1);
	__u64 sum = (d->source[0] >> 32) + (__u32)d->source[0] + (d->source[1] >> 32) +
		    (__u32)d->source[1];

	copy_address(&ip->saddr, d->source);
	tcp->source = d->port;
	tcp->seq = d->seq;
	tcp->ack_seq = d->ack;
	tcp->check = ~fold(sum + pattern->tcp_sum + d->port + d->seq + d->ack);
	return 0;
}

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

INLINE int of_flood(const struct flood *f, __u64 first, __u64 second)
{
#pragma unroll
	for (int i = 0; i < PREFIXES; i++) {
		const struct prefix *prefix = &f->prefix[i];

		if ((first & ~prefix->mask[0]) == prefix->base[0] &&
		    (second & ~prefix->mask[1]) == prefix->base[1])
			return 1;
	}
	return 0;
}

/* RFC 9293 3.10.7.3: a wrong acknowledgement is answered by an RST, a SYN+ACK by an ACK. */
INLINE int turn_tcp(struct tcphdr *tcp, __u64 addresses)
{
	__be32 number = tcp->ack_seq, ack = 0;
	__be16 port = tcp->source;
	__u16 flags = TCP_RST;
	__be32 *word = (void *)tcp;

	if (tcp->rst || tcp->fin || !tcp->ack)
		return -1;
	if (tcp->syn) {
		flags = TCP_ACK;
		ack = __cpu_to_be32(__be32_to_cpu(tcp->seq) + 1);
	}
	tcp->source = tcp->dest;
	tcp->dest = port;
	tcp->seq = number;
	tcp->ack_seq = ack;
	word[3] = __cpu_to_be32(5u << 28 | (__u32)flags << 16 | 0xfaf0);
	word[4] = 0;
	tcp->check = ~fold(addresses + HTONS(IPPROTO_TCP) + HTONS(sizeof(*tcp)) + word[0] +
			   word[1] + word[2] + word[3]);
	return 0;
}

INLINE int answer_ipv4(struct xdp_md *ctx, struct iphdr *ip)
{
	struct tcphdr *tcp = (void *)(ip + 1);
	__be32 source = ip->saddr;
	__u64 sum;

	if ((void *)(tcp + 1) > (void *)(long)ctx->data_end || ip->protocol != IPPROTO_TCP ||
	    ip->ihl != 5)
		return XDP_DROP;
	ip->saddr = ip->daddr;
	ip->daddr = source;
	ip->tot_len = HTONS(sizeof(*ip) + sizeof(*tcp));
	ip->ttl = HOPS;
	ip->check = 0;
	sum = (__u64)ip->saddr + ip->daddr;
	if (turn_tcp(tcp, sum))
		return XDP_DROP;
	ip->check = ~fold(sum + ((__be32 *)ip)[0] + ((__be32 *)ip)[1] + ((__be32 *)ip)[2]);
	return XDP_TX;
}

INLINE int answer_ipv6(struct xdp_md *ctx, struct ipv6hdr *ip)
{
	struct tcphdr *tcp = (void *)(ip + 1);
	__be32 *word = (void *)&ip->saddr;
	union address source;
	__u64 sum = 0;

	if ((void *)(tcp + 1) > (void *)(long)ctx->data_end || ip->nexthdr != IPPROTO_TCP)
		return XDP_DROP;
	copy_address(&source, &ip->saddr);
	copy_address(&ip->saddr, &ip->daddr);
	copy_address(&ip->daddr, &source);
	ip->payload_len = HTONS(sizeof(*tcp));
	ip->hop_limit = HOPS;
#pragma unroll
	for (int i = 0; i < 8; i++)
		sum += word[i];
	return turn_tcp(tcp, sum) ? XDP_DROP : XDP_TX;
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
