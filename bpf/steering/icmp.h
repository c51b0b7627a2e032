// SPDX-License-Identifier: GPL-2.0-only
/* ICMP for a service address: echoes are answered, errors follow the connection they quote. */
#pragma once

#include "packet/checksum.h"
#include "packet/parse.h"
#include "steering/service.h"

#define ECHO_TTL 64

/* RFC 792, RFC 4443 4.2. The sums over the addresses stay what they are when those are swapped. */
INLINE int answer_echo(struct packet *p, struct icmp_header *icmp)
{
	struct ethhdr *eth = (void *)(long)p->ctx->data;
	__be16 before = HTONS(icmp->type << 8), after;

	if ((void *)(eth + 1) > p->end)
		return VERDICT_MALFORMED;
	swap_macs(eth);
	if (p->version == 4) {
		struct iphdr *ip = p->network;

		if ((void *)(ip + 1) > p->end)
			return VERDICT_MALFORMED;
		ip->check = checksum_after(ip->check, HTONS(ip->ttl << 8), HTONS(ECHO_TTL << 8));
		ip->ttl = ECHO_TTL;
		ip->saddr = p->destination.word[3];
		ip->daddr = p->source.word[3];
		icmp->type = ICMP_ECHO_REPLY;
	} else {
		struct ipv6hdr *ip = p->network;

		if ((void *)(ip + 1) > p->end)
			return VERDICT_MALFORMED;
		ip->hop_limit = ECHO_TTL;
		copy_address(&ip->saddr, &p->destination);
		copy_address(&ip->daddr, &p->source);
		icmp->type = ICMP6_ECHO_REPLY;
	}
	after = HTONS(icmp->type << 8);
	/* The other zero of one's complement (RFC 1071): over nothing but zeros only it is right. */
	icmp->checksum = checksum_after(icmp->checksum, before, after) ?: 0xffff;
	return VERDICT_ECHO;
}

/* The quoted packet went from the service to the client: turned round, it names the flow. */
INLINE int follow_quote(struct packet *p)
{
	union address service = p->destination, client;
	__u16 length = p->network_length, quote = p->transport_length - sizeof(struct icmp_header);
	__u8 version = p->version, traffic_class = p->traffic_class;
	void *network = p->network;
	__be16 port;
	int verdict;

	p->quoted = 1;
	p->network = p->at;
	verdict = version == 4 ? parse_ipv4(p) : parse_ipv6(p);
	/* Ports have to be in the quote, not in the padding behind it. */
	if (verdict || p->at - p->network + 8 > quote)
		return VERDICT_ICMP_OTHER;
	parse_transport(p);
	if (!p->has_ports || p->source.half[0] != service.half[0] ||
	    p->source.half[1] != service.half[1])
		return VERDICT_ICMP_OTHER;
	client = p->destination;
	p->destination = service;
	p->source = client;
	port = p->source_port;
	p->source_port = p->destination_port;
	p->destination_port = port;
	p->network = network;
	p->network_length = length;
	p->traffic_class = traffic_class;
	p->reason = VERDICT_FORWARD_ICMP;
	return find_service(p) ? VERDICT_ICMP_OTHER : GO_ON;
}

INLINE int handle_icmp(struct packet *p)
{
	struct icmp_header *icmp;

	if (p->has_ports)
		return GO_ON;
	if (p->protocol != (p->version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return VERDICT_ICMP_OTHER;
	icmp = take(p, sizeof(*icmp));
	if (!icmp || p->transport_length < sizeof(*icmp))
		return VERDICT_BAD_TRANSPORT;
	if (p->version == 4) {
		if (icmp->type == ICMP_ECHO_REQUEST && !icmp->code)
			return answer_echo(p, icmp);
		if (icmp->type == ICMP_UNREACHABLE || icmp->type == ICMP_TIME_EXCEEDED ||
		    icmp->type == ICMP_PARAMETER_PROBLEM)
			return follow_quote(p);
	} else {
		if (icmp->type == ICMP6_ECHO_REQUEST && !icmp->code)
			return answer_echo(p, icmp);
		if (icmp->type >= ICMP6_UNREACHABLE && icmp->type <= ICMP6_PARAMETER_PROBLEM)
			return follow_quote(p);
	}
	return VERDICT_ICMP_OTHER;
}
