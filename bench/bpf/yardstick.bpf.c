// SPDX-License-Identifier: GPL-2.0-only
/*
 * A layer 4 balancer built the usual way, to measure ours against: 4 lookups of configuration, 5
 * of counters, one in an LRU hash of flows, IPIP. Where there was a choice it is the faster one:
 * a new flow's backend is its hash modulo their number, which saves the lookup of a ring; the
 * flows' key is hashed by the map alone; the outer checksum is summed up from a constant.
 */
#include "packet/headers.h"
#include "packet/packet.h"
#include "packet/checksum.h"

struct endpoint {
	__u32 address[4]; /* IPv4 in the first */
	__be16 port;
	__u8 protocol;
	__u8 pad;
};
struct service {
	__u32 index;
	__u32 first_backend;
	__u32 backends;
};
struct target {
	__u32 address[4];
	__u32 version;
};
struct gateway_mac {
	__u8 mac[ETH_ALEN];
	__u8 pad[2];
};
struct outer_source {
	__u32 address[4];
};
struct flow {
	__u32 source[4];
	__u32 destination[4];
	__be16 source_port;
	__be16 destination_port;
	__u8 protocol;
	__u8 pad[3];
};
_Static_assert(sizeof(struct flow) == 40, "key of flows");
struct tally {
	__u64 packets;
	__u64 bytes;
};
enum { ALL, KNOWN, NEW, TALLIES };

/* Configuration */
BPF_HASH(services, struct endpoint, struct service, MAX_SERVICES);
BPF_ARRAY(gateway_macs, struct gateway_mac, 1);
BPF_ARRAY(targets, struct target, MAX_BACKENDS);
BPF_ARRAY(outer_sources, struct outer_source, 2);
/* Flows, to the number of their backend */
BPF_TABLE("lru_hash", struct flow, u32, flows, MAX_FLOWS);
/* Counters */
BPF_PERCPU_ARRAY(of_version, struct tally, 2);
BPF_PERCPU_ARRAY(of_flows, struct tally, TALLIES);
BPF_PERCPU_ARRAY(of_protocol, struct tally, 2);
BPF_PERCPU_ARRAY(of_service, struct tally, MAX_SERVICES);
BPF_PERCPU_ARRAY(of_backend, struct tally, MAX_BACKENDS);

INLINE void add(struct tally *tally, __u32 length)
{
	if (!tally)
		return;
	tally->packets += 1;
	tally->bytes += length;
}

INLINE int encapsulate_ipv4(struct xdp_md *ctx, const struct outer_source *source,
			    const struct target *target, const struct gateway_mac *gateway,
			    __u16 payload, __u8 traffic_class)
{
	struct ethhdr *eth, *old;
	struct iphdr *ip;
	__u64 sum;

	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(*ip)))
		return XDP_DROP;
	eth = (void *)(long)ctx->data;
	old = (void *)eth + sizeof(*ip);
	ip = (void *)(eth + 1);
	if ((void *)(old + 1) > (void *)(long)ctx->data_end ||
	    (void *)(ip + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	__builtin_memcpy(eth->h_source, old->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, gateway->mac, ETH_ALEN);
	eth->h_proto = HTONS(ETH_P_IP);
	*(__be16 *)ip = HTONS(0x4500) | __cpu_to_be16(traffic_class);
	ip->tot_len = __cpu_to_be16(sizeof(*ip) + payload);
	ip->id = 0;
	ip->frag_off = 0;
	ip->ttl = 64;
	ip->protocol = IPPROTO_IPIP;
	ip->saddr = source->address[0];
	ip->daddr = target->address[0];
	sum = HTONS(64 << 8 | IPPROTO_IPIP);
	sum += (HTONS(0x4500) | __cpu_to_be16(traffic_class)) + ip->tot_len;
	sum += (__u64)ip->saddr + ip->daddr;
	ip->check = ~fold(sum);
	return XDP_TX;
}

INLINE int encapsulate_ipv6(struct xdp_md *ctx, const struct outer_source *source,
			    const struct target *target, const struct gateway_mac *gateway,
			    __u16 payload, __u8 protocol)
{
	struct ethhdr *eth, *old;
	struct ipv6hdr *ip;

	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(*ip)))
		return XDP_DROP;
	eth = (void *)(long)ctx->data;
	old = (void *)eth + sizeof(*ip);
	ip = (void *)(eth + 1);
	if ((void *)(old + 1) > (void *)(long)ctx->data_end ||
	    (void *)(ip + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	__builtin_memcpy(eth->h_source, old->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, gateway->mac, ETH_ALEN);
	eth->h_proto = HTONS(ETH_P_IPV6);
	*(__be32 *)ip = HTONL(6u << 28);
	ip->payload_len = __cpu_to_be16(payload);
	ip->nexthdr = protocol;
	ip->hop_limit = 64;
	__builtin_memcpy(&ip->saddr, source->address, 16);
	__builtin_memcpy(&ip->daddr, target->address, 16);
	return XDP_TX;
}

/* What a packet is, besides its flow. */
struct frame {
	void *at, *end;
	int version;
	__u16 payload;
	__u8 traffic_class;
};

INLINE int read_network(struct frame *frame, struct flow *flow)
{
	struct ethhdr *eth = frame->at;

	if ((void *)(eth + 1) > frame->end)
		return XDP_PASS;
	if (eth->h_proto == HTONS(ETH_P_IP)) {
		struct iphdr *ip = (void *)(eth + 1);

		if ((void *)(ip + 1) > frame->end || ip->ihl != 5 ||
		    ip->frag_off & HTONS(IP_MF | IP_OFFSET))
			return XDP_PASS;
		frame->version = 4;
		flow->protocol = ip->protocol;
		flow->source[0] = ip->saddr;
		flow->destination[0] = ip->daddr;
		frame->traffic_class = ip->tos;
		frame->payload = __be16_to_cpu(ip->tot_len);
		frame->at = ip + 1;
	} else if (eth->h_proto == HTONS(ETH_P_IPV6)) {
		struct ipv6hdr *ip = (void *)(eth + 1);

		if ((void *)(ip + 1) > frame->end)
			return XDP_PASS;
		frame->version = 6;
		flow->protocol = ip->nexthdr;
		__builtin_memcpy(flow->source, &ip->saddr, 16);
		__builtin_memcpy(flow->destination, &ip->daddr, 16);
		frame->payload = __be16_to_cpu(ip->payload_len) + sizeof(*ip);
		frame->at = ip + 1;
	} else {
		return XDP_PASS;
	}
	return 0;
}

INLINE int read_transport(struct frame *frame, struct flow *flow)
{
	if (flow->protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = frame->at;

		if ((void *)(tcp + 1) > frame->end)
			return XDP_DROP;
		flow->source_port = tcp->source;
		flow->destination_port = tcp->dest;
	} else if (flow->protocol == IPPROTO_UDP) {
		struct udphdr *udp = frame->at;

		if ((void *)(udp + 1) > frame->end)
			return XDP_DROP;
		flow->source_port = udp->source;
		flow->destination_port = udp->dest;
	} else {
		return XDP_PASS;
	}
	return 0;
}

/* The number of the backend that a flow of a service has, or gets. */
INLINE int find_backend(const struct service *service, struct flow *flow, __u32 length,
			__u32 *number)
{
	__u32 which, *known = flows.lookup(flow);

	if (known) {
		*number = *known;
		which = KNOWN;
	} else {
		__u32 mixed = (flow->source[0] ^ flow->source[3]) * 0x9e3779b1 + flow->source_port;

		if (!service->backends)
			return XDP_DROP;
		*number = service->first_backend + mixed % service->backends;
		flows.update(flow, number);
		which = NEW;
	}
	add(of_flows.lookup(&which), length);
	return 0;
}

INLINE int send(struct xdp_md *ctx, const struct frame *frame, __u32 number, __u32 length)
{
	struct target *target = targets.lookup(&number);
	struct gateway_mac *gateway;
	struct outer_source *source;
	__u32 which, zero = 0;

	if (!target)
		return XDP_DROP;
	add(of_backend.lookup(&number), length);
	gateway = gateway_macs.lookup(&zero);
	which = target->version == 6;
	source = outer_sources.lookup(&which);
	if (!gateway || !source)
		return XDP_DROP;
	if (target->version == 4)
		return encapsulate_ipv4(ctx, source, target, gateway, frame->payload,
					frame->traffic_class);
	return encapsulate_ipv6(ctx, source, target, gateway, frame->payload,
				frame->version == 4 ? IPPROTO_IPIP : IPPROTO_IPV6);
}

int yardstick(struct xdp_md *ctx)
{
	struct frame frame = { .at = (void *)(long)ctx->data, .end = (void *)(long)ctx->data_end };
	__u32 length = frame.end - frame.at, number = 0, which;
	struct endpoint endpoint = {};
	struct flow flow = {};
	struct service *service;
	int action;

	action = read_network(&frame, &flow) ?: read_transport(&frame, &flow);
	if (action)
		return action;
	__builtin_memcpy(endpoint.address, flow.destination, 16);
	endpoint.port = flow.destination_port;
	endpoint.protocol = flow.protocol;
	service = services.lookup(&endpoint);
	if (!service)
		return XDP_PASS;
	which = frame.version == 6;
	add(of_version.lookup(&which), length);
	which = flow.protocol == IPPROTO_UDP;
	add(of_protocol.lookup(&which), length);
	add(of_service.lookup(&service->index), length);
	return find_backend(service, &flow, length, &number) ?: send(ctx, &frame, number, length);
}
