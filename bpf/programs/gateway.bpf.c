// SPDX-License-Identifier: GPL-2.0-only
/*
 * The gateway: what happens to a packet, step by step. docs/packet.md has the drawing.
 * What a guard must look at closer is handed over to the programs of guard.bpf.c, and what hints
 * have to do with to those of hints.bpf.c: other packets pay nothing for them.
 *
 * The loader chooses which optional steps there are, by WITH_PREFIXES and WITH_HINTS, 0 or 1: the
 * table of the variants is in accel/datapath/programs.py. The compiler leaves the other steps out.
 */
#include "maps/verdicts.h"
#include "packet/headers.h"
#include "maps/gateway.h"
#include "packet/packet.h"
#include "packet/parse.h"
#include "steering/service.h"
#include "steering/finish.h"
#include "prefixes/prefix_filter.h"
#include "guard/filter.h"
#include "steering/icmp.h"
#include "steering/flow_cache.h"
#include "guard/out_of_state.h"
#include "hints/new_flow.h"
#include "steering/ring.h"
#include "steering/forward.h"

#define IF(with, step) ((with) ? (step) : GO_ON)

int gateway(struct xdp_md *ctx)
{
	struct packet p = PACKET(ctx);
	int verdict;

	verdict = (WITH_PREFIXES ? parse_and_find_source(&p) : parse(&p)) ?:
		  find_service(&p) ?:
		  IF(WITH_PREFIXES, filter_prefix(&p)) ?:
		  IF(WITH_PREFIXES && WITH_HINTS, hand_on(&p)) ?:
		  filter(&p) ?:
		  handle_icmp(&p) ?:
		  find_flow(&p) ?:
		  hand_over_out_of_state(&p) ?:
		  IF(WITH_HINTS, hand_over_unsettled(&p)) ?:
		  IF(WITH_HINTS, hand_over_quic(&p)) ?:
		  (WITH_HINTS ? choose_for_new_flow(&p, 0) : choose_by_ring(&p)) ?:
		  forward(&p);

	return finish(&p, verdict);
}
