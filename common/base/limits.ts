/**
 * Every bound of the program, with where it comes from. The relations at the end are asserted when this loads.
 *
 * Units are last in the name; counts have none.
 */

export const KIB = 1024;
export const MIB = 1024 * KIB;

/* ---- content: BEP 3, 9, 52 ---- */
/** Block, merkle leaf and metadata unit (BEP 52, BEP 9). */
export const BLOCK_BYTES = 16 * KIB;
/** Piece length when none is asked for: the chunk of the command line. */
export const DEFAULT_PIECE_BYTES = 512 * KIB;
/** Smallest piece (BEP 52). */
export const MIN_PIECE_BYTES = BLOCK_BYTES;
/** Largest piece we load: a piece is held in memory while it is checked. */
export const MAX_PIECE_BYTES = 128 * MIB;
/** As libtorrent. */
export const MAX_PIECES = 2 ** 21;
export const MAX_FILES = 1_000_000;
export const MAX_PATH_DEPTH = 100;
/** Files times the depth of a path: a tree spells a directory once, for all that is below it. */
export const MAX_PATH_PARTS = 10_000_000;
/** Largest file: beyond it sums of sizes are no longer exact integers. */
export const MAX_CONTENT_BYTES = Number.MAX_SAFE_INTEGER;
/** Name of a file or directory after it was made harmless; common file systems end at 255 bytes. */
export const MAX_NAME_BYTES = 240;
/** info dictionary, by metadata exchange or from a file (BEP 9 sets none). */
export const MAX_METADATA_BYTES = 10 * MIB;
/** A whole .torrent file: an info dictionary plus a piece layer of 2^21 hashes and room. */
export const MAX_TORRENT_BYTES = 96 * MIB;

/** Trackers and web seeds taken from a torrent or a magnet link, and the length of their URLs. */
export const MAX_TRACKER_URLS = 64;
export const MAX_WEB_SEED_URLS = 64;
export const MAX_URL_CHARS = 2_048;
/** Peers taken from a magnet link, and the length of the whole link. */
export const MAX_MAGNET_PEERS = 64;
export const MAX_MAGNET_CHARS = 64 * KIB;

/* ---- bencode: BEP 3 ---- */
export const MAX_BENCODE_DEPTH = 100;
/** Tokens of a .torrent file; one file takes about ten. */
export const MAX_BENCODE_ITEMS = 10_000_000;
/** Digits of an integer: 2^64 - 1 has 20, and libtorrent reads no more. */
export const MAX_BENCODE_INTEGER_DIGITS = 20;
/** Tokens of a dictionary in a peer's message. */
export const MAX_EXTENDED_ITEMS = 2_000;
export const MAX_EXTENDED_DEPTH = 16;
/** What is kept of the name a peer gives itself. */
export const MAX_CLIENT_NAME_CHARS = 64;

/* ---- peer wire: BEP 3, 6, 10, 52 ---- */
export const HANDSHAKE_BYTES = 68;
/** Time from connection to the whole handshake (libtorrent: 10 s). */
export const HANDSHAKE_TIMEOUT_MS = 10_000;
/** Send a keep-alive after this silence of ours (BEP 3: about two minutes; peers drop us at 120 s). */
export const KEEP_ALIVE_MS = 60_000;
/** Drop a peer after this silence of its. */
export const IDLE_TIMEOUT_MS = 150_000;
/** A message that is neither data, bitfield, hashes nor extended. */
export const MAX_SMALL_MESSAGE_BYTES = 1 * KIB;
/** An extended handshake or any extended message but ut_metadata and ut_pex (BEP 10). */
export const MAX_EXTENDED_MESSAGE_BYTES = 64 * KIB;
/** ut_metadata data: a block and its dictionary (BEP 9). */
export const MAX_METADATA_MESSAGE_BYTES = 17 * KIB;
/** Between two ut_pex messages of ours (BEP 11). */
export const PEX_INTERVAL_MS = 60_000;
/** How often it is looked whom there is to tell. */
export const PEX_ROUND_MS = 10_000;
/** … and so soon when somebody joins a crowd. */
export const PEX_CROWD_MS = 2_000;
/** Peers met, and peers lost, in one of them (BEP 11). */
export const MAX_PEX_CONTACTS = 50;
/** Contacts taken from one message; the first may be larger (BEP 11). */
export const MAX_PEX_TAKEN = 100;
/** Between two messages that are listened to: libtorrent allows six in a minute. */
export const PEX_LEAST_INTERVAL_MS = 10_000;
/** Requests of a peer that wait for an answer; what `reqq` says (BEP 10). Beyond it: reject. */
export const MAX_QUEUED_REQUESTS = 500;
/** Our own outstanding requests to a peer that names no `reqq`. */
export const DEFAULT_REQUEST_QUEUE = 250;
/** Our outstanding requests to any peer. */
export const MAX_OUTSTANDING_REQUESTS = 400;
/** Our outstanding bytes to any peer, since one request may be as long as a piece. */
export const MAX_OUTSTANDING_BYTES = 8 * MIB;
/** Largest block asked for or served between peers that agree on it by `tk_maxreq`. */
export const MAX_LARGE_REQUEST_BYTES = 512 * KIB;
/** Upper end of what `tk_maxreq` may say; beyond it the key counts as absent. */
export const MAX_REQUEST_OFFER_BYTES = 1 * MIB;
/** Invalid requests, or blocks nobody asked for, after which a connection is closed. */
export const MAX_PEER_OFFENCES = 50;
/** Stop answering requests while this much is queued on the socket. */
export const SEND_BUFFER_HIGH_BYTES = 1 * MIB;
/** … and this much on an uplink that is slow for those who share it. */
export const LEAST_SEND_BUFFER_HIGH_BYTES = 64 * KIB;
/** Stop reading from a peer while this much waits for it: it makes us say more than it reads. */
export const SEND_QUEUE_FULL_BYTES = 4 * MIB;
/** Low-water mark of a TCP stream: `onDrain` comes when the queue has fallen to it. */
export const SEND_BUFFER_LOW_BYTES = 256 * KIB;
/** Piece buffers that uploads of one node may hold. */
export const MAX_UPLOAD_BUFFER_BYTES = 32 * MIB;
/** … and keep while nobody is sent them: for the rest of a piece, and for who asks for the same one. The system has all. */
export const IDLE_UPLOAD_BUFFER_BYTES = 4 * MIB;
/** Pieces that are passed on at a time before they are whole (`tk_coming`). */
export const MAX_RELAYED_PIECES = 24;
/** Buffers of such pieces that may be kept by peers that are being sent them, and read slowly: of MAX_FETCH_BUFFER_BYTES. */
export const MAX_LENT_BYTES = 24 * MIB;
/** Pieces of which the hashes of their parts are kept. */
export const MAX_KNOWN_PARTS = 256;
/** Pieces that one peer may say are on their way to it; beyond it they count once it has them. */
export const MAX_COMING_PIECES = 64;
/** A part of a piece that is passed on by itself, at least; a piece has MAX_PARTS of them at most. */
export const LEAST_PART_BYTES = 64 * KIB;
export const MAX_PARTS = 64;
/** Hashes in one hash request we answer (BEP 52 recommends 512; libtorrent serves 8192). */
export const MAX_HASHES_PER_REQUEST = 8192;
/** Leaf hashes are read from the disk again, so fewer of them in one request. */
export const MAX_LEAF_HASHES_PER_REQUEST = 512;
/** Hash requests we send at a time to one peer, and answers we keep waiting for one. */
export const MAX_OUTSTANDING_HASH_REQUESTS = 8;
/** Piece hashes asked for at a time (BEP 52) … */
export const HASHES_PER_REQUEST = 512;
/** … and of a file with more pieces than this MAX_HASHES_PER_REQUEST, unless all refuse that. */
export const LONG_LAYER_PIECES = 64 * HASHES_PER_REQUEST;
/** Proof hashes: a tree of 2^53 bytes has 39 layers of 16 KiB leaves. */
export const MAX_PROOF_LAYERS = 64;
/** Hash requests served per second and peer, on average, with this burst: they may come while choked. */
export const HASH_REQUESTS_PER_SECOND = 50;
export const HASH_REQUEST_BURST = 320;
/** ut_metadata requests under way to one peer. */
export const MAX_OUTSTANDING_METADATA_REQUESTS = 4;
export const METADATA_REQUEST_TIMEOUT_MS = 5_000;
export const HASH_REQUEST_TIMEOUT_MS = 10_000;
/**
 * A hybrid begins without its piece layers after so long with nobody to ask for them: a v2 peer that was called on the v1
 * hash is called again at once (BEP 52), so whoever has them is there by then.
 */
export const LAYERS_PATIENCE_MS = 3_000;
/** An unanswered block request is given to another source after this; slow rejects take 10 s. */
export const REQUEST_TIMEOUT_MS = 20_000;
/** A source that keeps a piece longer than its size at this rate, plus the timeout, has stalled. */
export const MIN_SOURCE_BYTES_PER_SECOND = 16 * KIB;
/** … unless nobody is faster: then it goes on at this pace. Slower than about three times it, `--timeout` ends all. */
export const MIN_CRAWL_BYTES_PER_SECOND = 64;

/* ---- connections ---- */
export const MAX_CONNECTIONS = 500;
/** From one address; several peers behind one NAT are normal. */
export const MAX_CONNECTIONS_PER_IP = 50;
export const MAX_HALF_OPEN_DIALS = 30;
/** uTP SYNs answered with a RESET, in all: their source may be forged. */
export const UTP_RESETS_PER_SECOND = 50;
export const UTP_RESET_BURST = 100;
/** Those who sent a uTP SYN and are dialled by TCP, in all. */
export const CALL_BACKS_PER_SECOND = 5;
export const CALL_BACK_BURST = 20;
export const DIAL_TIMEOUT_MS = 5_000;
/** What a stream that was ended may still take to send its queue and hear the other side close. */
export const END_TIMEOUT_MS = 2_000;
/** What was admitted is still sent for so long by a leecher that is done; then come END_TIMEOUT_MS for what is queued. */
export const DRAIN_TIMEOUT_MS = 3_000;
/** One read of a dialled stream; the buffer is shared by all of them. */
export const READ_BUFFER_BYTES = 256 * KIB;
/** Without descriptors or memory for another connection, accept none for this long. */
export const ACCEPT_PAUSE_MS = 500;
/** Asked of the kernel for each direction of a UDP socket; it may give less. */
export const UDP_BUFFER_BYTES = 4 * MIB;
/** Announces to the local network, and the least time between two (BEP 14). */
export const LSD_INTERVAL_MS = 300_000;
export const LSD_LEAST_INTERVAL_MS = 60_000;
/** BEP 14: no longer than fits a datagram of any Ethernet. */
export const MAX_LSD_DATAGRAM_BYTES = 1_400;
/** A limit of the rate lets pass at once what it lets pass in so long. */
export const BURST_MS = 200;
/** While something waits for its turn under a limit, it is woken for so long worth of bytes … */
export const THROTTLE_WAKE_MS = 20;
/** … and streams take turns of this. */
export const THROTTLE_SLICE_BYTES = 16 * KIB;
/** So long worth of bytes may wait at a stream before it counts as full, and may be asked for under a limit. */
export const THROTTLE_QUEUE_MS = 500;
export const THROTTLE_ASK_MS = 500;
/** The least that may be asked for. */
export const MIN_RATE_LIMIT = 1 * KIB;
/** Endpoints that a node remembers. */
export const MAX_KNOWN_ENDPOINTS = 4_096;
/** Addresses under which one connected peer is known. */
export const MAX_ENDPOINTS_PER_PEER = 4;
/** First pause before a failed endpoint is dialled again; doubles up to the last. */
export const REDIAL_FIRST_MS = 1_000;
export const REDIAL_LAST_MS = 60_000;
/** Corrupt pieces from one source before it is banned. */
export const CORRUPT_PIECES_BEFORE_BAN = 2;
/** Upload slots that follow from the measured uplink: at least, and at most. */
export const MIN_MEASURED_SLOTS = 4;
export const MAX_MEASURED_SLOTS = 64;
/** How often choking is reconsidered (BEP 3). */
export const CHOKE_INTERVAL_MS = 10_000;
/** How long one that was unchoked by chance stays so (BEP 3). */
export const OPTIMISTIC_INTERVAL_MS = 30_000;
/** Pieces of the largest torrent that is shown piece by piece at first: each is a message to each peer in the end. */
export const MAX_SHOWN_PIECES = 2 ** 16;
/** So many pieces that turn out to be here at once are told of one by one; more of them by a bitfield. */
export const MAX_HAVES_AT_ONCE = 1_024;
/** Pieces that are shown in one turn of the event loop. */
export const MAX_SHOWN_AT_ONCE = 2_048;
/** What a peer gave us in this time decides what we give it. */
export const MERIT_WINDOW_MS = 20_000;

/* ---- download ---- */
/** Memory for pieces that are being fetched, checked or written; never fewer than four pieces. */
export const MAX_FETCH_BUFFER_BYTES = 48 * MIB;
/** So long after the start the first piece of each source stays its own. */
export const HEAD_START_MS = 1_000;
/** The last pieces are asked from this many sources at once. */
export const ENDGAME_SOURCES = 2;
/** Pause before a source is asked again for a piece it failed, when no other has it; doubles up to the last. */
export const RETRY_FIRST_MS = 250;
export const RETRY_LAST_MS = 8_000;
/** How often it is looked whether a file that is served is still what it was. */
export const SOURCE_CHECK_INTERVAL_MS = 5_000;
/** How often the list of what is certain is written. */
export const STATE_INTERVAL_MS = 2_000;

/* ---- web seeds: BEP 19 ---- */
/** Used at a time, of all that a link names. */
export const MAX_WEB_SEEDS = 16;
/** GETs under way to one web seed, and the longest of them. */
export const MAX_WEB_GETS = 3;
export const MAX_WEB_GET_BYTES = 4 * MIB;
/** Blocks asked of one web seed that are still to come. */
export const MAX_WEB_BLOCKS = 64;
/** Bytes that are read and thrown away to get at what is wanted, from a server that knows no ranges. */
export const MAX_WEB_SKIP_BYTES = 32 * MIB;
export const MAX_WEB_REDIRECTS = 3;
export const WEB_IDLE_TIMEOUT_MS = 20_000;
/** Pause after a failure; doubles up to the last. A server may ask for longer, up to the longest. */
export const WEB_RETRY_FIRST_MS = 1_000;
export const WEB_RETRY_LAST_MS = 60_000;
export const WEB_RETRY_LONGEST_MS = 600_000;

/* ---- UDP tracker: BEP 15 ---- */
export const MIN_REQUEST_DATAGRAM_BYTES = 16;
/** Nothing of ours is longer, in either direction: it fits any path unfragmented. */
export const MAX_DATAGRAM_BYTES = 1200;
export const ANNOUNCE_REQUEST_BYTES = 98;
/** Accept a connection id this long (BEP 15: two minutes). */
export const CONNECTION_ID_TTL_MS = 120_000;
/** Use a connection id this long (BEP 15: one minute). */
export const CONNECTION_ID_REUSE_MS = 60_000;
export const DEFAULT_NUM_WANT = 50;
/** 20 + 190 × 6 and 20 + 65 × 18 stay below the datagram's bound. */
export const MAX_PEERS_V4 = 190;
export const MAX_PEERS_V6 = 65;
export const MAX_SCRAPE_HASHES = 74;
export const DEFAULT_INTERVAL_S = 30;
export const DEFAULT_TTL_S = 90;
/** A peer that did not say it is ours: libtorrent announces every 300 s whatever it is told. */
export const FOREIGN_TTL_S = 660;
export const FOREIGN_INTERVAL_S = 120;
/** Above 300 s libtorrent obeys, and then its ttl no longer fits. */
export const MAX_FOREIGN_INTERVAL_S = 300;
export const MIN_PEER_TTL_S = 10;
export const MAX_PEER_TTL_S = 3_600;
export const MAX_SWARMS = 100_000;
export const MAX_PEERS_PER_SWARM = 100_000;
/** Registrations (hash and port) from one address. */
export const MAX_PEERS_PER_IP = 1_000;
export const MAX_PEERS = 2_000_000;
/** Threads of a tracker that answer. Beyond a few they wait for the registry most of the time. */
export const MAX_TRACKER_WORKERS = 16;
/** Requests for the catalogue that one of them has on their way to the thread that has it. */
export const MAX_FORWARDED_DATAGRAMS = 256;
/** Peers that one wake-up of the tracker looks at for expiry; the rest waits for the next one. */
export const MAX_SWEEP_PEERS = 2_000;
/** Retransmission of our own requests: 1, 2, 4 … s instead of BEP 15's 15 × 2^n. */
export const TRACKER_RETRY_FIRST_MS = 1_000;
export const TRACKER_RETRY_LAST_MS = 30_000;
/** Tries of a request to a tracker that has answered before, and to one that has not. */
export const TRACKER_TRIES = 4;
export const FIRST_TRACKER_TRIES = 2;
/** How soon one tracker may be asked again by a node that wants more peers; longer when its interval is longer. */
export const ANNOUNCE_NOW_PAUSE_MS = 5_000;
export const MAX_ANNOUNCE_NOW_PAUSE_MS = 60_000;
/** Whatever interval a tracker names, it is taken as at least and at most this. */
export const MIN_INTERVAL_S = 1;
export const MAX_INTERVAL_S = 3_600;
/** Calls under way to one tracker. */
export const MAX_TRACKER_CALLS = 256;
/** Beats after which an entry is published again, and a tracker asked again whether it has a catalogue. */
export const REPUBLISH_BEATS = 10;
/** The catalogue counts as absent after this many unanswered requests. */
export const CATALOGUE_TRIES = 2;
/** How long `stopped` may take on the way out. */
export const STOP_TIMEOUT_MS = 2_000;

/* ---- HTTP trackers: BEP 3, 23, 48 ---- */
/** An announce's answer; one of 200 peers as dictionaries takes about 15 KiB. */
export const MAX_HTTP_TRACKER_ANSWER_BYTES = 1 * MIB;
/** Values in it: a peer as a dictionary takes seven. */
export const MAX_HTTP_TRACKER_ITEMS = 100_000;
/** From connecting to the last byte. */
export const HTTP_TRACKER_TIMEOUT_MS = 10_000;
export const MAX_HTTP_REDIRECTS = 3;
/** Peers taken from one answer. */
export const MAX_HTTP_TRACKER_PEERS = 2_000;
/** A tracker id is sent back with every announce. */
export const MAX_TRACKER_ID_BYTES = 256;
/** Request line and headers together, of requests to us and of answers to us. */
export const MAX_HTTP_HEADER_BYTES = 16 * KIB;
/** Path and query of a request: a scrape of 74 hashes takes 5.3 KiB. */
export const MAX_HTTP_TARGET_CHARS = 8 * KIB;
/** Parameters of a query; the rest is not looked at. */
export const MAX_HTTP_PARAMETERS = 100;
/** The headers must be here within this time of the connection or of the last answer. */
export const HTTP_HEADERS_TIMEOUT_MS = 5_000;
/** Nothing moves on the connection. */
export const HTTP_IDLE_TIMEOUT_MS = 10_000;
export const MAX_HTTP_REQUESTS_PER_CONNECTION = 100;
export const MAX_HTTP_CONNECTIONS = 1_000;
export const MAX_HTTP_CONNECTIONS_PER_IP = 100;
/** A page of the catalogue as JSON, by the size its entries would have in datagrams: about 400 entries. */
export const MAX_CATALOGUE_PAGE_BYTES = 32 * KIB;

/* ---- catalogue ---- */
export const MAX_CATALOGUE_ENTRIES = 10_000;
export const MAX_CATALOGUE_ENTRIES_PER_IP = 256;
export const MAX_CATALOGUE_NAME_BYTES = 200;
export const MAX_CATALOGUE_QUERY_BYTES = 64;
/** Publishes per minute and address. */
export const PUBLISHES_PER_MINUTE = 120;
/** Addresses whose publishes are counted at a time. */
export const MAX_PUBLISHERS = 4_096;
/** Entries looked at for one list request; past it the answer carries a cursor. */
export const MAX_CATALOGUE_SCAN = 2_000;
/** Hashes in one heartbeat: 46 + 55 × 20 bytes. */
export const MAX_HEARTBEAT_HASHES = 55;

const relations: readonly (readonly [boolean, string])[] = [
  [20 + MAX_PEERS_V4 * 6 <= MAX_DATAGRAM_BYTES, 'IPv4 peers fit a datagram'],
  [20 + MAX_PEERS_V6 * 18 <= MAX_DATAGRAM_BYTES, 'IPv6 peers fit a datagram'],
  [8 + MAX_SCRAPE_HASHES * 12 <= MAX_DATAGRAM_BYTES, 'a scrape answer fits a datagram'],
  [46 + MAX_HEARTBEAT_HASHES * 20 <= MAX_DATAGRAM_BYTES, 'a heartbeat fits a datagram'],
  [MAX_HTTP_TARGET_CHARS > 71 * MAX_SCRAPE_HASHES, 'a scrape fits a request line'],
  [MAX_HTTP_TARGET_CHARS < MAX_HTTP_HEADER_BYTES, 'the longest request line leaves room for headers'],
  [FOREIGN_TTL_S >= 2 * 300 + 60, 'a libtorrent peer survives one lost announce'],
  [DEFAULT_TTL_S >= 3 * DEFAULT_INTERVAL_S, 'two beats may be lost'],
  [CONNECTION_ID_REUSE_MS < CONNECTION_ID_TTL_MS, 'a cached connection id is still valid'],
  [MAX_OUTSTANDING_REQUESTS <= MAX_QUEUED_REQUESTS, 'our own peers serve all we ask'],
  [MAX_OUTSTANDING_BYTES >= 2 * MAX_LARGE_REQUEST_BYTES, 'two large requests can be under way'],
  [2 * MAX_WEB_GET_BYTES <= MAX_OUTSTANDING_BYTES, 'two long GETs can be under way'],
  [IDLE_UPLOAD_BUFFER_BYTES <= MAX_UPLOAD_BUFFER_BYTES, 'what is kept is of what may be held'],
  [MAX_RELAYED_PIECES <= MAX_COMING_PIECES, 'our own peers heed all that we say is on its way'],
  [MAX_RELAYED_PIECES * MAX_LARGE_REQUEST_BYTES <= MAX_LENT_BYTES, 'pieces are passed on without a copy'],
  [2 * MAX_LENT_BYTES <= MAX_FETCH_BUFFER_BYTES, 'who reads slowly leaves buffers to fetch into'],
  [SEND_BUFFER_LOW_BYTES < SEND_BUFFER_HIGH_BYTES, 'a drained queue is below the bound of a full one'],
  [SEND_QUEUE_FULL_BYTES >= 3 * SEND_BUFFER_HIGH_BYTES, 'uploads alone never stop us from reading'],
  [KEEP_ALIVE_MS * 2 <= IDLE_TIMEOUT_MS, 'one lost keep-alive does not end a connection'],
  [MAX_PIECES / MAX_HASHES_PER_REQUEST < HASH_REQUEST_BURST, 'the largest layer can be had in one go'],
  [MAX_LARGE_REQUEST_BYTES <= MAX_REQUEST_OFFER_BYTES, 'we offer what the key allows'],
  [MAX_PIECE_BYTES % BLOCK_BYTES === 0, 'pieces are made of blocks'],
];
for (const [holds, what] of relations) if (!holds) throw new Error(`limits contradict each other: ${what}`);
