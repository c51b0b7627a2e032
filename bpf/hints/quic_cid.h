// SPDX-License-Identifier: GPL-2.0-only
/*
 * The server id in a QUIC connection id (draft-ietf-quic-load-balancers, plaintext): where a
 * connection lives that comes from another address. In Initial and 0-RTT packets the client chose
 * the id, and it says nothing.
 */
#pragma once

#include "hints/new_flow.h"

#define QUIC_LONG 0x80
#define QUIC_TYPE(first) ((first) >> 4 & 3)
#define QUIC_VERSION_2 0x6b3343cf /* RFC 9369: its types are counted from one on */
#define QUIC_ID_SHORT 1           /* where the destination's id is (RFC 8999 5) */
#define QUIC_ID_LONG 6
#define QUIC_HANDSHAKE 2
#define LONGEST_CID 20                 /* bytes (RFC 9000 17.2) */
#define QUIC_LEAST (QUIC_ID_LONG + 16) /* bytes of a packet that ids are read from */
#define ROTATION(first) ((first) >> 5)
#define CID_MASK 0xe0ffffffffffffffULL /* of its first eight bytes: the rotation, no length */

/* Of versions that are not known, too: their types mean something else. */
INLINE int is_chosen_by_client(__u8 first, __be32 version)
{
	__u8 type = QUIC_TYPE(first);

	if (version == HTONL(QUIC_VERSION_2))
		type = (type - 1) & 3;
	else if (version != HTONL(1))
		return 1;
	return type < QUIC_HANDSHAKE;
}

/* Not a new flow but one that has moved, so a backend that drains gets it, too. */
INLINE int admit_moved(struct packet *p, __u64 word)
{
	return !take_backend(p, WORD_NUMBER(word), 1) &&
	       p->backend->generation == WORD_GENERATION(word) &&
	       (p->backend->ifindex || p->backend->mode == MODE_LOCAL);
}

/*
 * The server id of a packet's connection id: its length, -1 if there is none, 0 if the client chose
 * the id. Where a header tells the id's length, room for the nonce must be in it. No packet that is
 * ours is so short that it ends before the longest id (RFC 9001 5.4.2).
 */
INLINE int read_cid(const struct packet *p, const struct hints *h, struct cid_key *key)
{
	__u8 *quic = p->transport + sizeof(struct udphdr), *id = quic + QUIC_ID_SHORT;
	__u32 size, nonce, length = LONGEST_CID;
	struct prefix_bits read;

	if (p->transport_length < sizeof(struct udphdr) + QUIC_LEAST ||
	    (void *)(quic + QUIC_LEAST) > p->end)
		return 0;
	if (*quic & QUIC_LONG) {
		if (is_chosen_by_client(*quic, *(__be32 *)(quic + 1)))
			return 0;
		id = quic + QUIC_ID_LONG;
		length = quic[QUIC_ID_LONG - 1];
	}
	/* The rotation and `size` bytes behind it; the bits beside are cut off. */
	size = h->cid_size[ROTATION(*id)] & 15;
	nonce = h->nonce_size[ROTATION(*id)] & 31;
	copy_address(key->id, id);
	read.high = __be64_to_cpu(key->id[0]) & CID_MASK;
	read.low = __be64_to_cpu(key->id[1]);
	read = cut_off(read, 128 - (size + 1) * 8);
	key->id[0] = __cpu_to_be64(read.high);
	key->id[1] = __cpu_to_be64(read.low);
	return size && size + nonce < length ? size : -1;
}

/* The backend that the id names, or an outcome that says why not; none if there is nothing to read. */
INLINE int choose_by_cid(struct packet *p)
{
	struct hints *h = hints.lookup(&p->service);
	struct cid_key key = { .service = p->service };
	int size = h && h->kinds & HINT_CID && p->protocol == IPPROTO_UDP && !p->quoted
			   ? read_cid(p, h, &key)
			   : 0;
	__u64 *word;

	if (!size)
		return GO_ON;
	p->outcome = OUTCOME_CID_UNROUTABLE;
	word = size > 0 ? cids.lookup(&key) : 0;
	if (!word)
		return GO_ON;
	if (!admit_moved(p, *word)) {
		p->backend = 0;
		p->number = 0;
		p->outcome = OUTCOME_CID_STALE;
		return GO_ON;
	}
	p->outcome = OUTCOME_CID;
	p->reason = VERDICT_FORWARD_NEW;
	store_new_flow(p, h);
	count_cell(p, OUTCOME_CID);
	return GO_ON;
}
