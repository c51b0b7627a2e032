// SPDX-License-Identifier: GPL-2.0-only
/* Is it a tunnel's packet, for us, and from whom we were told of? */
#pragma once

#include "maps/decap.h"
#include "packet/headers.h"
#include "packet/packet.h"
#include "packet/parse.h"

INLINE int parse_outer(struct packet *p)
{
	switch (parse(p)) {
	case GO_ON: return DECAP_GO_ON;
	case VERDICT_NOT_IP: return DECAP_NOT_IP;
	default: return DECAP_BROKEN;
	}
}

/* A later fragment of UDP may be of anything: it has no port that tells. */
INLINE int is_tunnel(struct packet *p)
{
	if (p->protocol == IPPROTO_IPIP || p->protocol == IPPROTO_IPV6)
		return DECAP_GO_ON;
	if (p->protocol == IPPROTO_UDP && p->has_ports && p->destination_port == HTONS(GUE_PORT))
		return DECAP_GO_ON;
	return DECAP_NOT_TUNNEL;
}

INLINE int is_ours(struct packet *p)
{
	return own.lookup(&p->destination) ? DECAP_GO_ON : DECAP_NOT_OURS;
}

INLINE int is_allowed(struct packet *p)
{
	struct prefix source = { .length = 128, .address = p->source };

	if (!allowed.lookup(&source))
		return DECAP_SOURCE_REFUSED;
	return p->later_fragment ? DECAP_FRAGMENT : DECAP_GO_ON;
}
