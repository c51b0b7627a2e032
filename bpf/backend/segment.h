// SPDX-License-Identifier: GPL-2.0-only
/*
 * Addresses, ports and TCP header of what comes in at TC. Read by helpers, relative to the IP
 * header: so it does not matter whether the interface has Ethernet headers (tunnels have none),
 * nor how much of the packet lies in one piece.
 */
#pragma once

#include "maps/cookie_acceptor_verdicts.h"
#include "packet/headers.h"
#include "packet/packet.h"

#define MAX_EXTENSIONS 6
#define IP_FRAGMENTED (IP_MF | IP_OFFSET)

struct segment {
	struct packet p; /* addresses, ports and version, which cookies are over */
	struct tcphdr tcp;
	__u32 options; /* where they are, from the IP header on */
	__u32 end;     /* of its data, likewise */
};

INLINE int read_at(struct __sk_buff *skb, __u32 offset, void *to, __u32 size)
{
	return bpf_skb_load_bytes_relative(skb, offset, to, size, BPF_HDR_START_NET);
}

INLINE int accept_ipv4(struct __sk_buff *skb, struct segment *s)
{
	struct iphdr ip;

	if (read_at(skb, 0, &ip, sizeof(ip)))
		return ACCEPT_BROKEN;
	if (ip.protocol != IPPROTO_TCP || ip.frag_off & HTONS(IP_FRAGMENTED))
		return ACCEPT_NOT_TCP;
	s->p.version = 4;
	s->p.source.word[2] = s->p.destination.word[2] = HTONL(0xffff);
	s->p.source.word[3] = ip.saddr;
	s->p.destination.word[3] = ip.daddr;
	s->options = ip.ihl * 4;
	s->end = __be16_to_cpu(ip.tot_len);
	return ACCEPT_GO_ON;
}

INLINE int accept_ipv6(struct __sk_buff *skb, struct segment *s)
{
	struct ipv6hdr ip;
	struct extension x;
	__u32 offset = sizeof(ip);
	__u8 kind;

	if (read_at(skb, 0, &ip, sizeof(ip)))
		return ACCEPT_BROKEN;
	kind = ip.nexthdr;
#pragma unroll
	for (int i = 0; i < MAX_EXTENSIONS; i++) {
		if (kind != IPPROTO_HOPOPTS && kind != IPPROTO_ROUTING && kind != IPPROTO_DSTOPTS)
			break;
		if (read_at(skb, offset, &x, sizeof(x)))
			return ACCEPT_BROKEN;
		kind = x.next;
		offset += (x.length + 1) * 8;
	}
	if (kind != IPPROTO_TCP)
		return ACCEPT_NOT_TCP;
	s->p.version = 6;
	copy_address(&s->p.source, &ip.saddr);
	copy_address(&s->p.destination, &ip.daddr);
	s->options = offset;
	s->end = sizeof(ip) + __be16_to_cpu(ip.payload_len);
	return ACCEPT_GO_ON;
}

INLINE int has_data(const struct segment *s)
{
	return s->end > s->options + (s->tcp.doff - 5) * 4 || s->tcp.fin;
}

INLINE int read_segment(struct __sk_buff *skb, struct segment *s)
{
	int verdict = skb->protocol == HTONS(ETH_P_IP)     ? accept_ipv4(skb, s)
		      : skb->protocol == HTONS(ETH_P_IPV6) ? accept_ipv6(skb, s)
							   : ACCEPT_NOT_TCP;

	if (verdict)
		return verdict;
	if (read_at(skb, s->options, &s->tcp, sizeof(s->tcp)) || s->tcp.doff < 5)
		return ACCEPT_BROKEN;
	if (!s->tcp.ack || s->tcp.syn || s->tcp.rst)
		return ACCEPT_NOT_ACK;
	s->options += sizeof(s->tcp);
	s->p.source_port = s->tcp.source;
	s->p.destination_port = s->tcp.dest;
	return ACCEPT_GO_ON;
}
