/*
 * People, by the rules of the SDK (web/client: connection.js, project.js, files.js): they come back
 * after every cut, say hello as the same client with a higher k, open their files again, and notice
 * when an answer is owed. Some compose what they type, as the SDK does; some send it as a list, as
 * CodeMirror's own client does; a bot sends short forms and keeps no text.
 *
 * What the SDK would forgive and no server of ours should do ends the world.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include "doc.h"
#include "world.h"

#include <jansson.h>

struct conn;

#define DOCS_MOST 48
#define TREE_MOST 64
#define PEERS_MOST 64

struct tree_entry {
    uint64_t f;
    char path[PATH_ROOM];
};

struct client {
    struct world *world;
    unsigned number;
    char name[8];
    enum { CLIENT_COMPOSES, CLIENT_LISTS, CLIENT_BOT } kind;
    uint64_t cid, k;
    char resume[260];
    char ep[EPOCH_SIZE]; /* "": never welcomed */
    uint64_t e, welcome_e, tree_until;
    struct conn *conn;
    bool is_live, is_degraded, is_retrying;
    uint64_t away_until; /* in us */
    unsigned attempts;
    uint64_t asked_us, heard_us, live_us, ping_us, answered_us; /* 0: never */
    uint64_t last_q;
    struct doc docs[DOCS_MOST];
    unsigned doc_count;
    struct tree_entry tree[TREE_MOST];
    unsigned tree_count;
    uint64_t peers[PEERS_MOST];
    unsigned peer_count;
};

void clients_begin(struct world *world);
void clients_end(struct world *world);
bool client_is_bot(const struct world *world, uint64_t cid);

/* ---- from its connection ---- */

void client_receive(struct client *client, struct conn *conn, const json_t *message);
void client_closed(struct client *client, struct conn *conn, int code);

/* ---- its files (client_files.c) ---- */

/* Everything in the tree that is not open yet. */
void client_open_new(struct client *client);
/* The tree of the present epoch as of event e: what is not listed is gone. */
void client_listed(struct client *client, const json_t *files, uint64_t e);
void client_tree_changed(struct client *client, const json_t *message);
/* edit, ack, synced, file, resync; an error. */
void client_about_file(struct client *client, const char *t, const json_t *message);
void client_failed(struct client *client, const json_t *message);
/* Opens a file (again), now or after a while. */
void client_ask(struct client *client, struct doc *doc);
void client_ask_later(struct client *client, struct doc *doc);

/* ---- what it does ---- */

/* Its network breaks; it comes back. */
void client_cut(struct client *client);
/* Goes, and comes back at that time. */
void client_away(struct client *client, uint64_t until_us);
/* Takes message. */
void client_send(struct client *client, json_t *message);
uint64_t client_number(struct client *client);
void client_type(struct client *client);
/* Makes, renames or deletes a file or a folder. */
void client_change_tree(struct client *client);
void client_move_cursor(struct client *client);
/* One of those that files are made at. */
const char *client_any_path(struct world *world);

#endif
