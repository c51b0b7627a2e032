// SPDX-License-Identifier: GPL-2.0-only
/*
 * In front of hinted.c while there are allowed or denied prefixes, too: what they let pass is handed
 * over, as from a guard that has looked at it already if its source is allowed.
 */
#include "verdicts.h"
#include "headers.h"
#include "maps.h"
#include "packet.h"
#include "parse.h"
#include "service.h"
#include "count.h"
#include "filter.h"
#include "prefixes.h"

INLINE int hand_on(struct packet *p)
{
	if (p->allowed)
		mark_passed(PASSED_ALL);
	return hand_over(p, PROGRAM_GATEWAY);
}

int listed_hinted(struct xdp_md *ctx)
{
	struct packet p = PACKET(ctx);
	__be16 protocol = parse_link(&p);
	int verdict;

	find_source(&p, protocol);
	verdict = parse_network(&p, protocol) ?: find_service(&p) ?: filter_prefix(&p) ?: hand_on(&p);

	return finish(&p, verdict);
}
