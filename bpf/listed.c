// SPDX-License-Identifier: GPL-2.0-only
/*
 * The gateway while there are allowed or denied prefixes: what gateway.c has, and two steps more.
 * What a guard hands back goes on there, since prefixes come before all guards.
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
#include "icmp.h"
#include "flow.h"
#include "ring.h"
#include "forward.h"

int listed(struct xdp_md *ctx)
{
	struct packet p = PACKET(ctx);
	__be16 protocol = parse_link(&p);
	int verdict;

	find_source(&p, protocol);
	verdict = parse_network(&p, protocol) ?:
		  find_service(&p) ?:
		  filter_prefix(&p) ?:
		  filter(&p) ?:
		  handle_icmp(&p) ?:
		  find_flow(&p) ?:
		  hand_over_stray(&p) ?:
		  choose_by_ring(&p) ?:
		  forward(&p);

	return finish(&p, verdict);
}
