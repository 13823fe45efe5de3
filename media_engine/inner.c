/* The inner loops of the engine, for who has a compiler: `./run compile` builds them beside what mypyc makes.

   Each does to the byte what the Python beside its only call does, which runs where this is not there: `FanOut._send`,
   `Inbox.read`, `PacketReader.open` and `read`, `PublishLink._canonical` and `_take_slot`, `Outbox._send_first`. Nothing
   is decided here: which packet, for whom and whether at all comes as an argument or stands in the records of
   `records.py` and `numbered.py`, and what is out of the ordinary is left to Python. No call is trusted with an index:
   what does not fit the memory it is given raises ValueError. Addresses have to be believed: what encrypts and decrypts,
   a destination's name, and those that `Inbox` and `Outbox` have written into their tables. The interpreter is not let
   go of meanwhile: media waits for nobody. */

#define PY_SSIZE_T_CLEAN
#define _GNU_SOURCE
#include <Python.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <structmember.h>
#include <sys/socket.h>
#include <time.h>

/* What encrypts or decrypts a packet: libsrtp's, out of pylibsrtp, and that of aead.c. */
typedef int (*srtp_function)(void *context, void *packet, int *length);

enum { MOST_TOGETHER = 64 }; /* packets of a burst, see burst.py */

enum { MIN_SRTP_BYTES = 24 }; /* see link.py */

enum { CONTROL_BYTES = 32, NAME_BYTES = 32, SEGMENT_AT = 16, TRAILER_BYTES = 160, HEADER_BYTES = 12 };

/* Identifiers and lengths of header extensions, see sdp_write.py. */
enum { NUMBER_ELEMENT = 0x31, SEND_TIME_ELEMENT = 0x22, LEVEL_ELEMENT = 0x10 };

static void put16(uint8_t *at, uint32_t value) { at[0] = (uint8_t)(value >> 8); at[1] = (uint8_t)value; }

static void put32(uint8_t *at, uint32_t value) { put16(at, value >> 16); put16(at + 2, value); }

static uint32_t get16(const uint8_t *at) { return (uint32_t)at[0] << 8 | at[1]; }

static uint32_t get32(const uint8_t *at) { return get16(at) << 16 | get16(at + 2); }

static PyObject *bad(const char *why) { PyErr_SetString(PyExc_ValueError, why); return NULL; }

/* The bytes of a memoryview to write to; NULL with an exception where it is none, not of plain bytes, or let go of. Ask
   when nothing runs any more that might let go of it: numbers are read before. */
static uint8_t *bytes_of(PyObject *view, Py_ssize_t *size)
{
    if (!PyMemoryView_Check(view)) {
        PyErr_SetString(PyExc_TypeError, "not a memoryview");
        return NULL;
    }
    PyMemoryViewObject *memory = (PyMemoryViewObject *)view;
    if ((memory->flags & _Py_MEMORYVIEW_RELEASED) || (memory->mbuf->flags & _Py_MANAGED_BUFFER_RELEASED)) {
        PyErr_SetString(PyExc_ValueError, "the view was released");
        return NULL;
    }
    Py_buffer *buffer = &memory->view;
    if (buffer->itemsize != 1 || buffer->ndim != 1 || buffer->readonly || !PyBuffer_IsContiguous(buffer, 'C')) {
        PyErr_SetString(PyExc_ValueError, "not a view of plain bytes");
        return NULL;
    }
    *size = buffer->len;
    return buffer->buf;
}

static int has_arguments(Py_ssize_t count, Py_ssize_t wanted)
{
    if (count == wanted)
        return 1;
    PyErr_Format(PyExc_TypeError, "takes %zd arguments, not %zd", wanted, count);
    return 0;
}

/* Whether `tuple` is one of `size`, with numbers from `first` on as far as `last`: to read them runs no Python. */
static int has_numbers(PyObject *tuple, Py_ssize_t size, int first, int last)
{
    if (!PyTuple_Check(tuple) || PyTuple_GET_SIZE(tuple) != size)
        return 0;
    for (int index = first; index <= last; index++)
        if (!PyLong_Check(PyTuple_GET_ITEM(tuple, index)))
            return 0;
    return 1;
}

/* A tuple of these references, which are its own from now on. NULL where one of them is. */
static PyObject *tuple_of(Py_ssize_t size, PyObject *const *items)
{
    PyObject *made = PyTuple_New(size);
    for (Py_ssize_t index = 0; index < size; index++) {
        if (made && items[index])
            PyTuple_SET_ITEM(made, index, items[index]);
        else {
            Py_CLEAR(made);
            Py_XDECREF(items[index]);
        }
    }
    return made;
}

/* What decrypts a packet, and what that wants. */
typedef struct {
    srtp_function unprotect;
    void *context;
} Opener;

/* Read `SrtpPair.opener`. 0 with an exception where it is none. */
static int read_opener(Opener *opener, PyObject *addresses)
{
    if (has_numbers(addresses, 2, 0, 1)) {
        opener->unprotect = (srtp_function)PyLong_AsVoidPtr(PyTuple_GET_ITEM(addresses, 0));
        opener->context = PyLong_AsVoidPtr(PyTuple_GET_ITEM(addresses, 1));
    }
    if (!PyErr_Occurred() && (!opener->unprotect || !opener->context))
        bad("nothing to decrypt it with");
    return !PyErr_Occurred();
}

/* One picture's place in a packet, as `pictures_of` has it (RFC 7741, section 4.2; rewrite_picture). */
static int move_picture(uint8_t *packet, long size, PyObject *picture, long long picture_id_offset, long long tl0_offset)
{
    long numbers[5];
    if (!has_numbers(picture, 5, 0, 4)) {
        bad("a picture is not a tuple of five numbers");
        return 0;
    }
    for (int index = 0; index < 5; index++)
        numbers[index] = PyLong_AsLong(PyTuple_GET_ITEM(picture, index));
    if (PyErr_Occurred())
        return 0;
    long id_at = numbers[0], bits = numbers[1], tl0_at = numbers[3];
    uint32_t id = (uint32_t)numbers[2] + (uint32_t)picture_id_offset, tl0 = (uint32_t)numbers[4] + (uint32_t)tl0_offset;
    int moves_id = bits && picture_id_offset, moves_tl0 = tl0_at && tl0_offset, width = bits == 15 ? 2 : 1;
    if ((moves_id && (id_at < 0 || id_at > size - width)) || (moves_tl0 && (tl0_at < 0 || tl0_at >= size))) {
        bad("a picture's numbers lie outside of its packet");
        return 0;
    }
    if (moves_id && bits == 15)
        put16(packet + id_at, 0x8000 | (id & 0x7FFF));
    else if (moves_id)
        packet[id_at] = id & 0x7F;
    if (moves_tl0)
        packet[tl0_at] = (uint8_t)tl0;
    return 1;
}

/* ---- The records of `records.py`, which says what is in them. */

typedef struct {
    PyObject_HEAD
    PyObject *sources, *view, *place, *key;
    long long number, size, first, second, ssrc;
    double waited_seconds;
} Slot;

typedef struct {
    PyObject_HEAD
    PyObject *data, *codec, *red, *descriptor; /* `descriptor` is NULL until it was looked for */
    long long sequence, timestamp, payload_start;
    char video;
} Packet;

typedef struct {
    PyObject_HEAD
    PyObject *upstream;
    long long first_sequence, sequence_offset, timestamp_offset, picture_id_offset, tl0_offset;
    char is_red;
} Epoch;

typedef struct {
    PyObject_HEAD
    PyObject *srtp, *destination;
    double left;
    srtp_function protect;
    void *context; /* what `protect` wants, as long as there is `srtp`, whose it is; NULL where Python has to encrypt */
    long overhead;
    PyObject *name; /* of `destination`; NULL where that is a connection */
} Outlet;

typedef struct {
    PyObject_HEAD
    PyObject *outlet, *wait, *numbered, *epoch, *last_packet, *last_epoch;
    long long ssrc, payload_type, packets, octets, last_sequence;
    double last_at;
} Lane;

static PyTypeObject SlotType, PacketType, EpochType, OutletType, LaneType, NumberedType;

/* Refer to `object` there from now on, and to what was there no more. */
static void keep(PyObject **there, PyObject *object)
{
    Py_INCREF(object);
    Py_XSETREF(*there, object);
}

static int is_set(PyObject *object) { return object != NULL && object != Py_None; }

/* The attribute `name` of `object` as a number; -1 with an exception where it is none. */
static long long number_of(PyObject *object, PyObject *name)
{
    PyObject *found = PyObject_GetAttr(object, name);
    long long number = found ? PyLong_AsLongLong(found) : -1;
    Py_XDECREF(found);
    return number;
}

static PyObject *of_context, *of_protector, *of_overhead, *of_stream, *of_name, *of_first, *of_count, *of_came;

/* The attribute `name` of `object` as an address; NULL, with an exception, where it is none. */
static void *address_in(PyObject *object, PyObject *name)
{
    PyObject *found = PyObject_GetAttr(object, name);
    void *address = found ? PyLong_AsVoidPtr(found) : NULL;
    Py_XDECREF(found);
    return address;
}

static int intern_names(void)
{
    struct { PyObject **kept; const char *name; } names[] = {
        {&of_context, "context"}, {&of_protector, "protector"}, {&of_overhead, "overhead"}, {&of_stream, "stream"},
        {&of_name, "name"}, {&of_first, "first"}, {&of_count, "count"}, {&of_came, "came"},
    };
    for (size_t index = 0; index < sizeof names / sizeof *names; index++)
        if (!*names[index].kept && !(*names[index].kept = PyUnicode_InternFromString(names[index].name)))
            return 0;
    return 1;
}

/* The socket address of a destination: a new reference to bytes that it keeps itself, or NULL with an exception. */
static PyObject *name_of(PyObject *destination)
{
    PyObject *name = PyObject_GetAttr(destination, of_name);
    if (name && (!PyBytes_Check(name) || PyBytes_GET_SIZE(name) > (Py_ssize_t)sizeof(struct sockaddr_in6) ||
                 Py_REFCNT(name) < 2)) {
        bad("a destination has no name, or makes it anew");
        Py_CLEAR(name);
    }
    return name;
}

static int slot_init(Slot *self, PyObject *args, PyObject *named)
{
    static char *names[] = {"sources", "number", "view", "place", NULL};
    PyObject *sources, *view, *place;
    if (!PyArg_ParseTupleAndKeywords(args, named, "OLOO", names, &sources, &self->number, &view, &place))
        return -1;
    keep(&self->sources, sources);
    keep(&self->view, view);
    keep(&self->place, place);
    return 0;
}

static int slot_traverse(Slot *self, visitproc visit, void *arg)
{
    Py_VISIT(self->sources);
    Py_VISIT(self->view);
    Py_VISIT(self->place);
    Py_VISIT(self->key);
    return 0;
}

static int slot_clear(Slot *self)
{
    Py_CLEAR(self->sources);
    Py_CLEAR(self->view);
    Py_CLEAR(self->place);
    Py_CLEAR(self->key);
    return 0;
}

static PyMemberDef slot_members[] = {
    {"sources", T_OBJECT, offsetof(Slot, sources), 0, NULL},
    {"number", T_LONGLONG, offsetof(Slot, number), 0, NULL},
    {"view", T_OBJECT, offsetof(Slot, view), 0, NULL},
    {"place", T_OBJECT, offsetof(Slot, place), 0, NULL},
    {"size", T_LONGLONG, offsetof(Slot, size), 0, NULL},
    {"first", T_LONGLONG, offsetof(Slot, first), 0, NULL},
    {"second", T_LONGLONG, offsetof(Slot, second), 0, NULL},
    {"ssrc", T_LONGLONG, offsetof(Slot, ssrc), 0, NULL},
    {"key", T_OBJECT, offsetof(Slot, key), 0, NULL},
    {"waited_seconds", T_DOUBLE, offsetof(Slot, waited_seconds), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

/* Whether what is in this codec is part of a picture, see codecs.py. */
static int is_picture_in(PyObject *codec) { return PyUnicode_CompareWithASCIIString(codec, "opus") != 0; }

static int packet_init(Packet *self, PyObject *args, PyObject *named)
{
    static char *names[] = {"sequence", "timestamp", "data", "payload_start", "codec", "red", NULL};
    PyObject *data, *codec, *red = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, named, "LLOLU|O", names, &self->sequence, &self->timestamp, &data,
                                     &self->payload_start, &codec, &red))
        return -1;
    self->video = (char)is_picture_in(codec);
    keep(&self->data, data);
    keep(&self->codec, codec);
    keep(&self->red, red);
    return 0;
}

/* It holds bytes, names and numbers, and so is in no cycle. */
static void packet_dealloc(Packet *self)
{
    Py_XDECREF(self->data);
    Py_XDECREF(self->codec);
    Py_XDECREF(self->red);
    Py_XDECREF(self->descriptor);
    PyObject_Free(self);
}

static PyMemberDef packet_members[] = {
    {"sequence", T_LONGLONG, offsetof(Packet, sequence), 0, NULL},
    {"timestamp", T_LONGLONG, offsetof(Packet, timestamp), 0, NULL},
    {"data", T_OBJECT, offsetof(Packet, data), 0, NULL},
    {"payload_start", T_LONGLONG, offsetof(Packet, payload_start), 0, NULL},
    {"codec", T_OBJECT, offsetof(Packet, codec), 0, NULL},
    {"red", T_OBJECT, offsetof(Packet, red), 0, NULL},
    {"video", T_BOOL, offsetof(Packet, video), 0, NULL},
    {"descriptor", T_OBJECT_EX, offsetof(Packet, descriptor), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static int epoch_init(Epoch *self, PyObject *args, PyObject *named)
{
    static char *names[] = {"upstream", "first_sequence", "sequence_offset", "timestamp_offset", "picture_id_offset",
                            "tl0_offset", "is_red", NULL};
    PyObject *upstream;
    int is_red = 0;
    if (!PyArg_ParseTupleAndKeywords(args, named, "OLLLLL|p", names, &upstream, &self->first_sequence,
                                     &self->sequence_offset, &self->timestamp_offset, &self->picture_id_offset,
                                     &self->tl0_offset, &is_red))
        return -1;
    keep(&self->upstream, upstream);
    self->is_red = (char)is_red;
    return 0;
}

static int epoch_traverse(Epoch *self, visitproc visit, void *arg) { Py_VISIT(self->upstream); return 0; }

static int epoch_clear(Epoch *self) { Py_CLEAR(self->upstream); return 0; }

static PyMemberDef epoch_members[] = {
    {"upstream", T_OBJECT, offsetof(Epoch, upstream), 0, NULL},
    {"first_sequence", T_LONGLONG, offsetof(Epoch, first_sequence), 0, NULL},
    {"sequence_offset", T_LONGLONG, offsetof(Epoch, sequence_offset), 0, NULL},
    {"timestamp_offset", T_LONGLONG, offsetof(Epoch, timestamp_offset), 0, NULL},
    {"picture_id_offset", T_LONGLONG, offsetof(Epoch, picture_id_offset), 0, NULL},
    {"tl0_offset", T_LONGLONG, offsetof(Epoch, tl0_offset), 0, NULL},
    {"is_red", T_BOOL, offsetof(Epoch, is_red), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyObject *outlet_new(PyTypeObject *type, PyObject *args, PyObject *named)
{
    Outlet *self = (Outlet *)type->tp_alloc(type, 0);
    if (self)
        self->left = Py_HUGE_VAL;
    return (PyObject *)self;
}

static int outlet_traverse(Outlet *self, visitproc visit, void *arg)
{
    Py_VISIT(self->srtp);
    Py_VISIT(self->destination);
    return 0;
}

static int outlet_clear(Outlet *self)
{
    self->context = NULL;
    Py_CLEAR(self->srtp);
    Py_CLEAR(self->destination);
    Py_CLEAR(self->name);
    return 0;
}

static PyObject *kept(PyObject *object) { object = object ? object : Py_None; Py_INCREF(object); return object; }

static PyObject *outlet_srtp(Outlet *self, void *closure) { return kept(self->srtp); }

/* What was there before is gone whatever happens: better nothing leaves than something by a context that was freed. */
static int outlet_set_srtp(Outlet *self, PyObject *srtp, void *closure)
{
    self->context = NULL;
    Py_CLEAR(self->srtp);
    if (!is_set(srtp))
        return 0;
    void *context = address_in(srtp, of_context), *protect = PyErr_Occurred() ? NULL : address_in(srtp, of_protector);
    long long overhead = PyErr_Occurred() ? -1 : number_of(srtp, of_overhead);
    if (overhead < 0 && !PyErr_Occurred())
        bad("encryption takes nothing away");
    if (PyErr_Occurred())
        return -1;
    self->context = protect ? context : NULL;
    self->protect = (srtp_function)protect;
    self->overhead = (long)overhead;
    /* To read attributes may have set another, and that it goes may set one once more: nothing is written after this. */
    keep(&self->srtp, srtp);
    return 0;
}

static PyObject *outlet_destination(Outlet *self, void *closure) { return kept(self->destination); }

static int outlet_set_destination(Outlet *self, PyObject *destination, void *closure)
{
    Py_CLEAR(self->name);
    Py_CLEAR(self->destination);
    if (!is_set(destination))
        return 0;
    PyObject *stream = PyObject_GetAttr(destination, of_stream);
    PyObject *name = stream ? name_of(destination) : NULL;
    int is_stream = is_set(stream);
    Py_XDECREF(stream);
    if (!name)
        return -1;
    if (is_stream)
        Py_CLEAR(name);
    Py_XSETREF(self->name, name); /* to read attributes may have set others */
    keep(&self->destination, destination);
    return 0;
}

static PyMemberDef outlet_members[] = {
    {"left", T_DOUBLE, offsetof(Outlet, left), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef outlet_attributes[] = {
    {"srtp", (getter)outlet_srtp, (setter)outlet_set_srtp, NULL, NULL},
    {"destination", (getter)outlet_destination, (setter)outlet_set_destination, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static int lane_init(Lane *self, PyObject *args, PyObject *named)
{
    if (PyTuple_GET_SIZE(args) || (named && PyDict_GET_SIZE(named))) {
        PyErr_SetString(PyExc_TypeError, "takes no arguments");
        return -1;
    }
    PyObject *outlet = PyObject_CallNoArgs((PyObject *)&OutletType);
    if (!outlet)
        return -1;
    Py_XSETREF(self->outlet, outlet);
    return 0;
}

static int lane_traverse(Lane *self, visitproc visit, void *arg)
{
    Py_VISIT(self->outlet);
    Py_VISIT(self->wait);
    Py_VISIT(self->numbered);
    Py_VISIT(self->epoch);
    Py_VISIT(self->last_packet);
    Py_VISIT(self->last_epoch);
    return 0;
}

static int lane_clear(Lane *self)
{
    Py_CLEAR(self->outlet);
    Py_CLEAR(self->wait);
    Py_CLEAR(self->numbered);
    Py_CLEAR(self->epoch);
    Py_CLEAR(self->last_packet);
    Py_CLEAR(self->last_epoch);
    return 0;
}

static PyMemberDef lane_members[] = {
    {"outlet", T_OBJECT, offsetof(Lane, outlet), 0, NULL},
    {"ssrc", T_LONGLONG, offsetof(Lane, ssrc), 0, NULL},
    {"payload_type", T_LONGLONG, offsetof(Lane, payload_type), 0, NULL},
    {"wait", T_OBJECT, offsetof(Lane, wait), 0, NULL},
    {"numbered", T_OBJECT, offsetof(Lane, numbered), 0, NULL},
    {"epoch", T_OBJECT, offsetof(Lane, epoch), 0, NULL},
    {"packets", T_LONGLONG, offsetof(Lane, packets), 0, NULL},
    {"octets", T_LONGLONG, offsetof(Lane, octets), 0, NULL},
    {"last_sequence", T_LONGLONG, offsetof(Lane, last_sequence), 0, NULL},
    {"last_packet", T_OBJECT, offsetof(Lane, last_packet), 0, NULL},
    {"last_epoch", T_OBJECT, offsetof(Lane, last_epoch), 0, NULL},
    {"last_at", T_DOUBLE, offsetof(Lane, last_at), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static void record_dealloc(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    inquiry clear = PyObject_TypeCheck(self, &LaneType)     ? (inquiry)lane_clear
                    : PyObject_TypeCheck(self, &OutletType) ? (inquiry)outlet_clear
                    : PyObject_TypeCheck(self, &SlotType)   ? (inquiry)slot_clear
                                                            : (inquiry)epoch_clear;
    clear(self);
    Py_TYPE(self)->tp_free(self);
}

enum { RECORD = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC };

static PyTypeObject SlotType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "media_engine.inner.Slot",
    .tp_basicsize = sizeof(Slot), .tp_flags = RECORD, .tp_new = PyType_GenericNew, .tp_init = (initproc)slot_init,
    .tp_dealloc = record_dealloc, .tp_traverse = (traverseproc)slot_traverse, .tp_clear = (inquiry)slot_clear,
    .tp_members = slot_members,
};

static PyTypeObject PacketType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "media_engine.inner.Packet",
    .tp_basicsize = sizeof(Packet), .tp_flags = Py_TPFLAGS_DEFAULT, .tp_new = PyType_GenericNew,
    .tp_init = (initproc)packet_init, .tp_dealloc = (destructor)packet_dealloc, .tp_members = packet_members,
};

static PyTypeObject EpochType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "media_engine.inner.Epoch",
    .tp_basicsize = sizeof(Epoch), .tp_flags = RECORD, .tp_new = PyType_GenericNew, .tp_init = (initproc)epoch_init,
    .tp_dealloc = record_dealloc, .tp_traverse = (traverseproc)epoch_traverse, .tp_clear = (inquiry)epoch_clear,
    .tp_members = epoch_members,
};

static PyTypeObject OutletType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "media_engine.inner.Outlet",
    .tp_basicsize = sizeof(Outlet), .tp_flags = RECORD, .tp_new = outlet_new,
    .tp_dealloc = record_dealloc, .tp_traverse = (traverseproc)outlet_traverse, .tp_clear = (inquiry)outlet_clear,
    .tp_members = outlet_members, .tp_getset = outlet_attributes,
};

static PyTypeObject LaneType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "media_engine.inner.Lane",
    .tp_basicsize = sizeof(Lane), .tp_flags = RECORD, .tp_new = PyType_GenericNew, .tp_init = (initproc)lane_init,
    .tp_dealloc = record_dealloc, .tp_traverse = (traverseproc)lane_traverse, .tp_clear = (inquiry)lane_clear,
    .tp_members = lane_members,
};

/* ---- What was sent under which number, see `numbered.py`. */

enum { MOST_RUNS = 512 };

/* No number comes near it, and to count on from there is no overflow. */
static const long long MOST_NUMBERED = INT64_MAX / 2;

typedef struct {
    long long number, octets;
    double left_at;
    Py_ssize_t count;
} Numbers;

/* `noted` of `runs` are known, from `oldest` on and around the end. */
typedef struct {
    PyObject_HEAD
    long long following, told;
    unsigned oldest, noted;
    Numbers runs[MOST_RUNS];
} Numbered;

static Numbers *run_at(Numbered *self, unsigned index) { return self->runs + (self->oldest + index) % MOST_RUNS; }

static void forget_oldest(Numbered *self)
{
    self->oldest = (self->oldest + 1) % MOST_RUNS;
    self->noted--;
}

/* Note that packets leave with the numbers from `number` on. */
static void note_run(Numbered *self, long long number, Py_ssize_t count, double now, long long octets)
{
    if (self->noted == MOST_RUNS)
        forget_oldest(self);
    *run_at(self, self->noted++) = (Numbers){.number = number, .octets = octets, .left_at = now, .count = count};
    self->following = number + count;
}

PyDoc_STRVAR(note_doc, "note(octets, now, count=1): see Numbered.note.");

static PyObject *numbered_note(Numbered *self, PyObject *const *args, Py_ssize_t count)
{
    if (count != 3 && !has_arguments(count, 2))
        return NULL;
    long long octets = PyLong_AsLongLong(args[0]);
    double now = PyFloat_AsDouble(args[1]);
    Py_ssize_t together = count == 3 ? PyLong_AsSsize_t(args[2]) : 1;
    if (PyErr_Occurred())
        return NULL;
    long long number = self->following;
    if (number < 0 || number > MOST_NUMBERED || together < 1 || together > UINT16_MAX)
        return bad("nothing leaves with such a number");
    note_run(self, number, together, now, octets);
    return PyLong_FromLong((long)(number & 0xFFFF));
}

/* Octets of the numbers from `begin` up to `end`, which is not among them. */
static double octets_between(Numbered *self, long long begin, long long end)
{
    double total = 0.0;
    for (unsigned index = 0; index < self->noted; index++) {
        const Numbers *run = run_at(self, index);
        long long behind = run->number + run->count;
        if (run->number >= end)
            break;
        long long inside = (end < behind ? end : behind) - (begin > run->number ? begin : run->number);
        if (inside > 0)
            total += (double)run->octets * (double)inside / (double)run->count;
    }
    return total;
}

/* 0 with an exception. */
static int add_arrival(PyObject *arrivals, double left_at, double latest, double octets)
{
    PyObject *arrival = octets != 0.0 ? Py_BuildValue("(ddd)", left_at, latest, octets) : NULL;
    int is_added = arrival ? !PyList_Append(arrivals, arrival) : !PyErr_Occurred();
    Py_XDECREF(arrival);
    return is_added;
}

/* What came of the numbers behind what was told, up to `last`. 0 with an exception. To read `came` runs no Python. */
static int match_came(Numbered *self, PyObject *came, long long first, long long last, PyObject *arrivals)
{
    long long told = self->told, begin = 0, behind = 0;
    double left_at = 0.0, latest = 0.0, each = 0.0, octets = 0.0;
    double skipped = first > told + 1 ? octets_between(self, told + 1, first) : 0.0;
    for (Py_ssize_t index = 0; index < PyTuple_GET_SIZE(came); index++) {
        PyObject *one = PyTuple_GET_ITEM(came, index);
        long long offset = has_numbers(one, 2, 0, 0) ? PyLong_AsLongLong(PyTuple_GET_ITEM(one, 0)) : -1, number;
        if (PyErr_Occurred())
            return 0;
        if (offset < 0 || !PyFloat_Check(PyTuple_GET_ITEM(one, 1))) {
            bad("what came has no place, or no time");
            return 0;
        }
        double arrived_at = PyFloat_AS_DOUBLE(PyTuple_GET_ITEM(one, 1));
        if (__builtin_add_overflow(first, offset, &number) || number <= told || number > last)
            continue;
        if (number >= behind) {
            if (!add_arrival(arrivals, left_at, latest, octets))
                return 0;
            octets = 0.0;
            while (self->noted && run_at(self, 0)->number + run_at(self, 0)->count <= number)
                forget_oldest(self);
            if (!self->noted)
                break;
            const Numbers *run = run_at(self, 0);
            begin = run->number, behind = begin + run->count, left_at = run->left_at;
            each = (double)run->octets / (double)run->count, latest = arrived_at;
        }
        if (number >= begin) {
            octets += each + skipped;
            skipped = 0.0;
            latest = arrived_at > latest ? arrived_at : latest;
        }
    }
    return add_arrival(arrivals, left_at, latest, octets);
}

PyDoc_STRVAR(match_doc, "match(feedback): see Numbered.match.");

static PyObject *numbered_match(Numbered *self, PyObject *feedback)
{
    long long begin = number_of(feedback, of_first), count = PyErr_Occurred() ? -1 : number_of(feedback, of_count);
    PyObject *came = PyErr_Occurred() ? NULL : PyObject_GetAttr(feedback, of_came);
    if (!came)
        return NULL;
    long long end = self->following;
    PyObject *arrivals = NULL;
    if (!PyTuple_Check(came) || count < 0 || count > INT32_MAX || end < 0 || end > MOST_NUMBERED)
        bad("what came is no tuple, or there are no such numbers");
    else if ((arrivals = PyList_New(0))) {
        long long first = end - 1 + (int16_t)((uint64_t)begin - (uint64_t)(end - 1)); /* see unwrap in rtp.py */
        long long last = (first + count < end ? first + count : end) - 1;
        if (last > self->told && last >= first) {
            if (match_came(self, came, first, last, arrivals))
                self->told = last;
            else
                Py_CLEAR(arrivals);
        }
    }
    Py_DECREF(came);
    return arrivals;
}

static PyObject *outstanding_octets(Numbered *self, void *closure)
{
    return PyFloat_FromDouble(octets_between(self, self->told + 1, self->following));
}

static int numbered_init(Numbered *self, PyObject *args, PyObject *named)
{
    if (PyTuple_GET_SIZE(args) || (named && PyDict_GET_SIZE(named))) {
        PyErr_SetString(PyExc_TypeError, "takes no arguments");
        return -1;
    }
    self->following = 1;
    return 0;
}

static PyMemberDef numbered_members[] = {
    {"following", T_LONGLONG, offsetof(Numbered, following), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef numbered_attributes[] = {
    {"outstanding_octets", (getter)outstanding_octets, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef numbered_methods[] = {
    {"note", (PyCFunction)(void (*)(void))numbered_note, METH_FASTCALL, note_doc},
    {"match", (PyCFunction)numbered_match, METH_O, match_doc},
    {NULL, NULL, 0, NULL},
};

/* It holds numbers alone. */
static PyTypeObject NumberedType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "media_engine.inner.Numbered",
    .tp_basicsize = sizeof(Numbered), .tp_flags = Py_TPFLAGS_DEFAULT, .tp_new = PyType_GenericNew,
    .tp_init = (initproc)numbered_init, .tp_members = numbered_members, .tp_getset = numbered_attributes,
    .tp_methods = numbered_methods,
};

/* ---- Sending on. */

/* Limits of a run, see burst.py. */
enum { LARGEST_PADDING = 8, MAX_RUN_PACKETS = 60, MAX_RUN_BYTES = 60000, HAS_PADDING = 0x20 };

/* How far numbers may be ahead, and apart, see fanout.py. */
enum { FURTHEST = 0x7FFF, FURTHEST_APART = 255 };

/* What is sent of a packet: `size` bytes at `data`, and padding up to `length`. */
typedef struct {
    PyObject *packet, *kept; /* whose `data` is; a new reference to what that points into */
    const uint8_t *data;
    long size, length;
    long long sequence;
    uint32_t timestamp;
} Part;

typedef struct {
    long packets, largest;
    Py_ssize_t size;
} Run;

/* What `fan_out` was given, and how far it has got. */
typedef struct {
    struct mmsghdr *table;
    Py_ssize_t table_size, memory_size, used, entries, size;
    uint8_t *memory;
    PyObject *entered, *packets, *upstream, *newest, *pictures, *pictures_of;
    Part parts[MOST_TOGETHER];
    Run runs[MOST_TOGETHER];
    Py_ssize_t count, run_count;
    long shortest;
    long long first_sequence, newest_sequence, octets;
    double lump, now;
    int is_picture, is_red;
} Fan;

static void enter(struct mmsghdr *message, PyObject *name, uint8_t *start, Py_ssize_t size, long datagram)
{
    uint16_t segment = (uint16_t)datagram;
    message->msg_hdr.msg_name = PyBytes_AS_STRING(name);
    message->msg_hdr.msg_namelen = (socklen_t)PyBytes_GET_SIZE(name);
    message->msg_hdr.msg_iov[0].iov_base = start;
    message->msg_hdr.msg_iov[0].iov_len = (size_t)size;
    /* One datagram needs no word about being cut. */
    message->msg_hdr.msg_controllen = size > datagram ? CMSG_SPACE(sizeof segment) : 0;
    memcpy((uint8_t *)message->msg_hdr.msg_control + SEGMENT_AT, &segment, sizeof segment);
}

/* Read a packet as it is sent: with redundancy where it has some and that is wanted. 0 with an exception. */
static int take_part(Part *part, const Packet *packet, int is_red, long long *octets)
{
    PyObject *kept = is_red && is_set(packet->red) ? packet->red : packet->data;
    if (!kept || !PyBytes_Check(kept) || PyBytes_GET_SIZE(kept) < HEADER_BYTES ||
        PyBytes_GET_SIZE(kept) > UINT16_MAX - LARGEST_PADDING - TRAILER_BYTES || packet->payload_start < 0 ||
        packet->payload_start > PyBytes_GET_SIZE(kept)) {
        bad("no packet, or one without a payload");
        return 0;
    }
    Py_INCREF(kept);
    part->kept = kept;
    part->sequence = packet->sequence;
    part->timestamp = (uint32_t)packet->timestamp;
    part->data = (const uint8_t *)PyBytes_AS_STRING(kept);
    part->size = part->length = (long)PyBytes_GET_SIZE(kept);
    *octets += part->size - packet->payload_start;
    return 1;
}

/* How many parts from `start` on make one run, see `run_of`; those that are shorter, but for the last, are padded. */
static long take_run(Fan *fan, Py_ssize_t start, Run *run)
{
    long padding = fan->is_picture ? LARGEST_PADDING : 0, low = fan->parts[start].size, high = low;
    run->packets = 1;
    while (start + run->packets < fan->count && run->packets < MAX_RUN_PACKETS) {
        long size = fan->parts[start + run->packets].size;
        if (high * (run->packets + 1) > MAX_RUN_BYTES || size - low > padding)
            break;
        run->packets++;
        if (high - size > padding)
            break; /* shorter than can be made good by padding: the last of this run */
        low = size < low ? size : low;
        high = size > high ? size : high;
    }
    run->largest = high;
    run->size = 0;
    for (long index = 0; index < run->packets; index++) {
        Part *part = fan->parts + start + index;
        if (index < run->packets - 1)
            part->length = high;
        run->size += part->length;
        fan->shortest = part->length < fan->shortest ? part->length : fan->shortest;
    }
    return run->packets;
}

/* Take in the packets, which `fan->packets` holds, and lay them out in runs, see `Burst`. 0 with an exception. */
static int take_burst(Fan *fan)
{
    Py_ssize_t count = PyTuple_GET_SIZE(fan->packets);
    if (!count || count > MOST_TOGETHER) {
        bad("no packets, or more than may be together");
        return 0;
    }
    while (fan->count < count) {
        Part *part = fan->parts + fan->count;
        part->packet = PyTuple_GET_ITEM(fan->packets, fan->count);
        if (!Py_IS_TYPE(part->packet, &PacketType)) {
            bad("a packet is none");
            return 0;
        }
        if (!take_part(part, (const Packet *)part->packet, fan->is_red, &fan->octets))
            return 0;
        fan->count++;
        if (fan->count == 1 || part->sequence > fan->newest_sequence)
            fan->newest_sequence = part->sequence, fan->newest = part->packet;
        if (fan->count == 1 || part->sequence < fan->first_sequence)
            fan->first_sequence = part->sequence;
    }
    fan->shortest = HEADER_BYTES + 12;
    for (Py_ssize_t start = 0; start < count; fan->run_count++) {
        start += take_run(fan, start, fan->runs + fan->run_count);
        fan->size += fan->runs[fan->run_count].size;
    }
    fan->lump = (double)fan->size;
    return 1;
}

static int moves_pictures(const Epoch *epoch) { return epoch->picture_id_offset || epoch->tl0_offset; }

/* Write the burst behind what is written, as this lane has it in this epoch. 0 where that is Python's to do. Runs no Python. */
static int write_burst(Fan *fan, Lane *lane, Epoch *epoch, Outlet *outlet, long long number)
{
    PyObject *wait = is_set(lane->wait) ? lane->wait : NULL;
    if (wait && (!PyBytes_Check(wait) || (PyBytes_GET_SIZE(wait) && PyBytes_GET_SIZE(wait) != 4)))
        return 0;
    if (wait && !PyBytes_GET_SIZE(wait))
        wait = NULL;
    if (((number || wait) && fan->shortest < HEADER_BYTES + 12) || lane->payload_type < 0 || lane->payload_type > 127)
        return 0;
    int moves = moves_pictures(epoch);
    if (moves && (!fan->pictures || !PyList_Check(fan->pictures) || PyList_GET_SIZE(fan->pictures) != fan->count))
        return 0;
    uint8_t *packet = fan->memory + fan->used;
    for (Py_ssize_t index = 0; index < fan->count; index++) {
        const Part *part = fan->parts + index;
        memcpy(packet, part->data, (size_t)part->size);
        if (part->length > part->size) {
            packet[0] |= HAS_PADDING;
            memset(packet + part->size, 0, (size_t)(part->length - part->size - 1));
            packet[part->length - 1] = (uint8_t)(part->length - part->size);
        }
        put16(packet + 2, (uint32_t)part->sequence + (uint32_t)epoch->sequence_offset);
        put32(packet + 4, part->timestamp + (uint32_t)epoch->timestamp_offset);
        put32(packet + 8, (uint32_t)lane->ssrc);
        if (number) {
            put32(packet + 12, 0xBEDE0002);
            packet[16] = NUMBER_ELEMENT;
            put16(packet + 17, (uint32_t)(number + index));
            packet[19] = 0;
        }
        if (lane->payload_type)
            packet[1] = (uint8_t)((packet[1] & 0x80) | lane->payload_type);
        if (wait)
            memcpy(packet + 20, PyBytes_AS_STRING(wait), 4);
        if (moves) {
            PyObject *picture = PyList_GET_ITEM(fan->pictures, index);
            if (picture != Py_None && !move_picture(packet, part->length, picture, epoch->picture_id_offset, epoch->tl0_offset))
                return 0;
        }
        packet += part->length + outlet->overhead;
    }
    /* Only now that nothing can be wrong with any of them any more: what was encrypted counts as sent, and what is left
       to Python was not. A receiver whose numbers are behind those is refused everything. */
    packet = fan->memory + fan->used;
    for (Py_ssize_t index = 0; index < fan->count; index++) {
        int length = (int)fan->parts[index].length;
        if (outlet->protect(outlet->context, packet, &length))
            return 0;
        packet += fan->parts[index].length + outlet->overhead;
    }
    return 1;
}

/* Note what leaves on this lane now. */
static void count_burst(Fan *fan, Lane *lane, Epoch *epoch, long long newest, Numbered *numbered, long long number)
{
    if (number)
        note_run(numbered, number, fan->count, fan->now, fan->octets);
    lane->packets = (long long)((uint64_t)lane->packets + (uint64_t)fan->count); /* whatever was written there */
    lane->octets = (long long)((uint64_t)lane->octets + (uint64_t)fan->octets);
    if (newest > lane->last_sequence) {
        lane->last_sequence = newest;
        lane->last_at = fan->now;
        keep(&lane->last_packet, fan->newest);
        keep(&lane->last_epoch, (PyObject *)epoch);
    }
}

enum { FAILED = -1, LEFT_TO_PYTHON = 0, DONE = 1, FULL = 2 };

/* One receiver's packets, as `FanOut._send` has them where nothing is to be decided. To ask for pictures may run anything,
   which may end a grant: it is done first, and what is asked then holds until all is entered. */
static int send_held(Fan *fan, Lane *lane, Outlet *outlet, Epoch *epoch, Numbered *numbered)
{
    if (epoch && moves_pictures(epoch) && !fan->pictures)
        fan->pictures = PyObject_CallOneArg(fan->pictures_of, fan->packets);
    if (PyErr_Occurred() || lane->outlet != (PyObject *)outlet)
        return LEFT_TO_PYTHON;
    if (!is_set(outlet->srtp) || !is_set(outlet->destination))
        return DONE; /* nothing leaves */
    if (!outlet->context || !outlet->name || outlet->overhead > TRAILER_BYTES || !epoch ||
        lane->epoch != (PyObject *)epoch || epoch->upstream != fan->upstream ||
        fan->first_sequence < epoch->first_sequence || epoch->is_red != fan->is_red)
        return LEFT_TO_PYTHON;
    long long newest, furthest;
    if (__builtin_add_overflow(fan->newest_sequence, epoch->sequence_offset, &newest) ||
        __builtin_add_overflow(lane->last_sequence, FURTHEST, &furthest) || newest > furthest)
        return LEFT_TO_PYTHON;
    if (fan->size + fan->count * outlet->overhead + TRAILER_BYTES > fan->memory_size - fan->used ||
        fan->run_count > fan->table_size - fan->entries)
        return FULL;
    long long number = numbered ? numbered->following : 0;
    if ((fan->is_picture && fan->lump > outlet->left) || number < 0 || number > MOST_NUMBERED ||
        !write_burst(fan, lane, epoch, outlet, number))
        return LEFT_TO_PYTHON;
    for (Py_ssize_t index = 0; index < fan->run_count; index++) {
        const Run *run = fan->runs + index;
        Py_ssize_t size = run->size + run->packets * outlet->overhead;
        if (PyList_Append(fan->entered, outlet->destination))
            return FAILED;
        enter(fan->table + fan->entries++, outlet->name, fan->memory + fan->used, size, run->largest + outlet->overhead);
        fan->used += size;
    }
    if (fan->is_picture)
        outlet->left -= fan->lump;
    count_burst(fan, lane, epoch, newest, numbered, number);
    return DONE;
}

static int send_on(Fan *fan, Lane *lane)
{
    Outlet *outlet = (Outlet *)lane->outlet;
    if (!outlet || !Py_IS_TYPE(outlet, &OutletType))
        return LEFT_TO_PYTHON;
    Epoch *epoch = lane->epoch && Py_IS_TYPE(lane->epoch, &EpochType) ? (Epoch *)lane->epoch : NULL;
    Numbered *numbered = is_set(lane->numbered) ? (Numbered *)lane->numbered : NULL;
    if (numbered && !Py_IS_TYPE(lane->numbered, &NumberedType))
        return LEFT_TO_PYTHON;
    PyObject *held[] = {(PyObject *)outlet, (PyObject *)epoch, (PyObject *)numbered};
    for (size_t index = 0; index < sizeof held / sizeof *held; index++)
        Py_XINCREF(held[index]);
    int done = send_held(fan, lane, outlet, epoch, numbered);
    for (size_t index = 0; index < sizeof held / sizeof *held; index++)
        Py_XDECREF(held[index]);
    return done;
}

/* Whether this is a lane. Most often all are of one type, `known`, which is kept by the one that was asked about. */
static int is_lane(PyObject *lane, PyTypeObject **known)
{
    if (Py_IS_TYPE(lane, *known))
        return 1;
    int is_one = PyObject_TypeCheck(lane, &LaneType);
    if (is_one)
        *known = Py_TYPE(lane);
    return is_one;
}

/* Send on `lanes` from `at` on: on all of them, or as far as there is room. */
static PyObject *fan_out_to(Fan *fan, PyObject *lanes, Py_ssize_t at)
{
    if (!PyList_Check(fan->entered) || !PyTuple_Check(lanes) || at < 0)
        return bad("nobody to send to");
    if (fan->used < 0 || fan->used > fan->memory_size || fan->entries < 0 || fan->entries > fan->table_size ||
        fan->entries != PyList_GET_SIZE(fan->entered))
        return bad("more is used than there is");
    Py_ssize_t before = fan->entries;
    PyTypeObject *known = &LaneType;
    PyObject *others = take_burst(fan) ? PyList_New(0) : NULL;
    long long between;
    int is_apart = __builtin_sub_overflow(fan->newest_sequence, fan->first_sequence, &between) || between > FURTHEST_APART;
    int done = DONE;
    while (others && at < PyTuple_GET_SIZE(lanes) && done == DONE) {
        PyObject *lane = PyTuple_GET_ITEM(lanes, at);
        done = !is_apart && is_lane(lane, &known) ? send_on(fan, (Lane *)lane) : LEFT_TO_PYTHON;
        if (done == LEFT_TO_PYTHON) {
            PyErr_Clear(); /* Python runs into it once more, and counts it */
            PyObject *number = PyLong_FromSsize_t(at);
            done = !number || PyList_Append(others, number) ? FAILED : DONE;
            Py_XDECREF(number);
        }
        if (done == FAILED)
            Py_CLEAR(others);
        at += done == DONE;
    }
    if (others) {
        PyObject *found[] = {PyLong_FromSsize_t(fan->used), PyLong_FromSsize_t(fan->entries), PyLong_FromSsize_t(at), others};
        return tuple_of(4, found);
    }
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    if (PyList_SetSlice(fan->entered, before, PyList_GET_SIZE(fan->entered), NULL)) /* nothing was entered, then */
        PyErr_Clear();
    PyErr_Restore(type, value, trace);
    return NULL;
}

PyDoc_STRVAR(fan_out_doc,
"fan_out(table, view, used, entries, waiting, entered, lanes, at, packets, upstream, is_picture, is_red, now,\n"
"pictures_of): see FanOut._send. waiting: runs that have to find room in the table as well. How far the view is used\n"
"then, how many entries the table has, how far it has got in lanes, and which of them are left to Python, by number.");

static PyObject *fan_out(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    Py_buffer table, memory;
    Fan fan; /* cleared as far as it is used: most of it never is */
    memset(&fan, 0, offsetof(Fan, parts));
    memset(&fan.count, 0, sizeof fan - offsetof(Fan, count));
    if (!has_arguments(count, 14))
        return NULL;
    fan.used = PyLong_AsSsize_t(args[2]);
    fan.entries = PyLong_AsSsize_t(args[3]);
    Py_ssize_t waiting = PyLong_AsSsize_t(args[4]), at = PyLong_AsSsize_t(args[7]);
    fan.is_picture = PyObject_IsTrue(args[10]);
    fan.is_red = PyObject_IsTrue(args[11]);
    fan.now = PyFloat_AsDouble(args[12]);
    if (PyErr_Occurred())
        return NULL;
    PyObject *lanes = args[6];
    fan.entered = args[5], fan.upstream = args[9], fan.pictures_of = args[13];
    /* Attributes are read on the way, which may run anything: these can't be let go of or changed meanwhile. */
    if (PyObject_GetBuffer(args[0], &table, PyBUF_WRITABLE))
        return NULL;
    if (PyObject_GetBuffer(args[1], &memory, PyBUF_WRITABLE)) {
        PyBuffer_Release(&table);
        return NULL;
    }
    fan.table = table.buf, fan.table_size = table.len / (Py_ssize_t)sizeof(struct mmsghdr);
    fan.memory = memory.buf, fan.memory_size = memory.len;
    PyObject *found = NULL;
    if (waiting < 0 || waiting > fan.table_size)
        bad("more runs than there are messages");
    else if ((fan.packets = PySequence_Tuple(args[8]))) {
        fan.table_size -= waiting;
        found = fan_out_to(&fan, lanes, at);
        for (Py_ssize_t index = 0; index < fan.count; index++)
            Py_XDECREF(fan.parts[index].kept);
        Py_XDECREF(fan.pictures);
        Py_DECREF(fan.packets);
    }
    PyBuffer_Release(&table);
    PyBuffer_Release(&memory);
    return found;
}

/* ---- Taking in. */

PyDoc_STRVAR(receive_doc,
"receive(descriptor, messages, pristine, used, memory, names, control, apart, is_ip6, slots, by_key): see\n"
"Inbox.read_grouped. used: how many messages to renew. How many datagrams came, the groups, and how many those hold.");

static PyObject *key_of(const uint8_t *name, int is_ip6)
{
    if (!is_ip6) {
        uint64_t word;
        memcpy(&word, name, sizeof word);
        return PyLong_FromUnsignedLongLong(word);
    }
    char key[18];
    memcpy(key, name + 2, 2);
    memcpy(key + 2, name + 8, 16);
    return PyBytes_FromStringAndSize(key, sizeof key);
}

static double waited_seconds(const uint8_t *control, const struct timespec *now)
{
    struct cmsghdr head;
    struct timespec stamp;
    memcpy(&head, control, sizeof head);
    if (head.cmsg_level != SOL_SOCKET || head.cmsg_type != SO_TIMESTAMPNS)
        return 0.0;
    memcpy(&stamp, control + sizeof head, sizeof stamp);
    long long waited = (long long)(now->tv_sec - stamp.tv_sec) * 1000000000 + (now->tv_nsec - stamp.tv_nsec);
    /* The clock of the day may be set in between; then nothing is known. */
    return waited > 0 && waited < 1000000000 ? (double)waited / 1e9 : 0.0;
}

/* Whether a datagram is no report (RFC 5761, section 4), and not too short. */
static int is_media(const Slot *slot)
{
    return slot->size >= MIN_SRTP_BYTES && (slot->second < 192 || slot->second > 223);
}

/* Who has sent this, if it is SRTP of somebody in `by_key`: a new reference, or NULL. */
static PyObject *sender_of(const Slot *slot, PyObject *by_key, long apart)
{
    int is_srtp = slot->size > 0 && slot->size < apart && slot->first >= 128 && slot->first < 192;
    PyObject *sender = is_srtp ? PyDict_GetItemWithError(by_key, slot->key) : NULL;
    Py_XINCREF(sender); /* what is made later may have garbage collected, and that may forget anybody */
    return sender;
}

/* The first of `slots`, as far as they are SRTP of somebody in `by_key`: who, their slots one behind the other, and how
   many bytes those are, or -1 where they are not media. */
static PyObject *group(PyObject *slots, int came, PyObject *by_key, long apart, int *grouped)
{
    PyObject *groups = PyList_New(0), *sender = NULL;
    Slot *slot = NULL;
    *grouped = 0;
    if (came > 0)
        sender = sender_of(slot = (Slot *)PyTuple_GET_ITEM(slots, 0), by_key, apart);
    while (groups && sender) {
        PyObject *receiver = sender, *together = PyList_New(0);
        int are_media = is_media(slot), is_lost = !together;
        long long octets = are_media ? 0 : -1;
        for (sender = NULL; !is_lost;) {
            octets += are_media ? slot->size : 0;
            is_lost = PyList_Append(together, (PyObject *)slot);
            if (++*grouped == came)
                break;
            slot = (Slot *)PyTuple_GET_ITEM(slots, *grouped);
            sender = sender_of(slot, by_key, apart);
            if (sender != receiver || is_media(slot) != are_media)
                break;
            Py_CLEAR(sender);
        }
        PyObject *one[] = {receiver, together, PyLong_FromLongLong(octets)}, *whole = tuple_of(3, one);
        if (is_lost || PyErr_Occurred())
            Py_CLEAR(whole);
        if (!whole || PyList_Append(groups, whole))
            Py_CLEAR(groups);
        Py_XDECREF(whole);
    }
    Py_XDECREF(sender);
    if (groups && PyErr_Occurred())
        Py_CLEAR(groups);
    return groups;
}

static PyObject *receive(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    Py_ssize_t messages_size, memory_size, names_size, control_size;
    if (!has_arguments(count, 11))
        return NULL;
    int descriptor = (int)PyLong_AsLong(args[0]), is_ip6 = PyObject_IsTrue(args[8]);
    long used = PyLong_AsLong(args[3]), apart = PyLong_AsLong(args[7]);
    PyObject *slots = args[9], *by_key = args[10];
    if (PyErr_Occurred())
        return NULL;
    uint8_t *messages = bytes_of(args[1], &messages_size), *memory = bytes_of(args[4], &memory_size);
    uint8_t *names = bytes_of(args[5], &names_size), *control = bytes_of(args[6], &control_size);
    if (!messages || !memory || !names || !control)
        return NULL;
    long size = (long)(messages_size / (Py_ssize_t)sizeof(struct mmsghdr));
    if (!PyBytes_Check(args[2]) || PyBytes_GET_SIZE(args[2]) != messages_size || used < 0 || used > size ||
        size < 1 || apart < HEADER_BYTES || apart > memory_size / size || names_size < size * NAME_BYTES ||
        control_size < size * CONTROL_BYTES || !PyTuple_Check(slots) || PyTuple_GET_SIZE(slots) != size ||
        !PyDict_Check(by_key))
        return bad("the tables do not fit together");
    struct mmsghdr *table = (struct mmsghdr *)messages;
    memcpy(table, PyBytes_AS_STRING(args[2]), (size_t)used * sizeof *table); /* the kernel writes its lengths over ours */
    int came = recvmmsg(descriptor, table, (unsigned int)size, MSG_DONTWAIT, NULL), grouped = 0;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    for (int index = 0; index < came; index++) {
        const uint8_t *datagram = memory + index * apart;
        Slot *slot = (Slot *)PyTuple_GET_ITEM(slots, index);
        if (!Py_IS_TYPE(slot, &SlotType))
            return bad("a slot is none");
        PyObject *key = key_of(names + index * NAME_BYTES, is_ip6);
        if (!key)
            return NULL;
        Py_XSETREF(slot->key, key);
        slot->size = table[index].msg_len;
        slot->first = datagram[0];
        slot->second = datagram[1];
        slot->ssrc = get32(datagram + 8);
        slot->waited_seconds = waited_seconds(control + index * CONTROL_BYTES, &now);
    }
    PyObject *groups = group(slots, came, by_key, apart, &grouped);
    PyObject *found[] = {PyLong_FromLong(came > 0 ? came : 0), groups, PyLong_FromLong(grouped)};
    return tuple_of(3, found);
}

/* Write `runs` of the outbox into its table of messages, see Outbox._fill, and keep the addresses in `names`. Where not
   all fits, 0 with an exception. */
static int fill(struct mmsghdr *message, uint8_t *memory, Py_ssize_t memory_size, PyObject *runs, PyObject *names)
{
    for (Py_ssize_t index = 0; index < PyTuple_GET_SIZE(runs); index++, message++) {
        PyObject *run = PyTuple_GET_ITEM(runs, index);
        if (!has_numbers(run, 4, 1, 3)) {
            bad("a run is not a tuple of four with three numbers");
            return 0;
        }
        Py_ssize_t start = PyLong_AsSsize_t(PyTuple_GET_ITEM(run, 1));
        Py_ssize_t length = PyLong_AsSsize_t(PyTuple_GET_ITEM(run, 2));
        long datagram = PyLong_AsLong(PyTuple_GET_ITEM(run, 3));
        if (PyErr_Occurred())
            return 0;
        if (datagram < 0 || datagram > UINT16_MAX) {
            bad("larger than a datagram");
            return 0;
        }
        if (start < 0 || length < 0 || start > memory_size || length > memory_size - start) {
            bad("a run lies outside of the outbox");
            return 0;
        }
        PyObject *name = name_of(PyTuple_GET_ITEM(run, 0));
        if (!name)
            return 0;
        PyTuple_SET_ITEM(names, index, name);
        enter(message, name, memory + start, length, datagram);
    }
    return 1;
}

PyDoc_STRVAR(send_doc,
"send(descriptor, messages, memory, entries, runs): see Outbox._send_first. `fan_out` has written the first `entries`.");

static PyObject *send_runs(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    Py_buffer table, memory;
    if (!has_arguments(count, 5))
        return NULL;
    int descriptor = (int)PyLong_AsLong(args[0]), sent = 0;
    Py_ssize_t entries = PyLong_AsSsize_t(args[3]);
    if (PyErr_Occurred())
        return NULL;
    if (!PyList_Check(args[4]))
        return bad("no runs");
    /* Names are read on the way, which may run anything: nothing of this can be let go of or changed meanwhile. */
    if (PyObject_GetBuffer(args[1], &table, PyBUF_WRITABLE))
        return NULL;
    if (PyObject_GetBuffer(args[2], &memory, PyBUF_WRITABLE)) {
        PyBuffer_Release(&table);
        return NULL;
    }
    PyObject *runs = PyList_AsTuple(args[4]), *names = runs ? PyTuple_New(PyTuple_GET_SIZE(runs)) : NULL;
    if (names) {
        Py_ssize_t most = table.len / (Py_ssize_t)sizeof(struct mmsghdr), size = PyTuple_GET_SIZE(runs);
        struct mmsghdr *messages = table.buf;
        if (entries < 0 || entries > most || size > most - entries)
            bad("more runs than there are messages");
        else if (fill(messages + entries, memory.buf, memory.len, runs, names)) {
            sent = sendmmsg(descriptor, messages, (unsigned int)(entries + size), MSG_DONTWAIT);
            sent = sent > 0 ? sent : -errno;
        }
    }
    Py_XDECREF(runs);
    Py_XDECREF(names);
    PyBuffer_Release(&table);
    PyBuffer_Release(&memory);
    return PyErr_Occurred() ? NULL : PyLong_FromLong(sent);
}

/* What PacketReader.read finds; and the size. */
typedef struct {
    long payload_type, sequence, timestamp, ssrc, profile, block, block_end, start, end, transport_sequence, audio_level;
    long size;
    int marker;
} Outline;

/* Outline a packet. Why it is none; NULL where it is one. */
static const char *read_outline(const uint8_t *packet, Py_ssize_t room, long size, long sequence_id, long level_id, Outline *found)
{
    if (size < HEADER_BYTES || size > room)
        return "RTP packet is too short";
    if (packet[0] >> 6 != 2)
        return "RTP version is not 2";
    long start = HEADER_BYTES + 4 * (packet[0] & 15), end = size, block = 0, block_end = 0, profile = 0;
    if (packet[0] & 0x10) {
        if (start + 4 > size)
            return "RTP extension header runs over the end";
        profile = (long)get16(packet + start);
        block = start + 4;
        block_end = start = block + 4 * (long)get16(packet + start + 2);
    }
    if (packet[0] & 0x20 && size > start) {
        if (!packet[size - 1])
            return "RTP padding of zero";
        end -= packet[size - 1];
    }
    if (start > end)
        return "RTP packet has a negative payload";
    long transport_sequence = -1, audio_level = -1;
    int is_one_byte = profile == 0xBEDE, is_two_byte = (profile & 0xFFF0) == 0x1000;
    for (long at = block; (is_one_byte && at < block_end) || (is_two_byte && at + 1 < block_end);) {
        long id = is_one_byte ? packet[at] >> 4 : packet[at];
        if (!packet[at]) {
            at++;
            continue;
        }
        long value = at + (is_one_byte ? 1 : 2), after = value + (is_one_byte ? 1 + (packet[at] & 15) : packet[at + 1]);
        if ((is_one_byte && packet[at] >= 0xF0) || after > block_end)
            break;
        if (id == sequence_id)
            transport_sequence = after - value == 2 ? (long)get16(packet + value) : -1;
        if (id == level_id)
            audio_level = after - value == 1 ? packet[value] : -1;
        at = after;
    }
    *found = (Outline){
        packet[1] & 127, (long)get16(packet + 2), (long)get32(packet + 4), (long)get32(packet + 8), profile, block,
        block_end, start, end, transport_sequence, audio_level, size, packet[1] > 127,
    };
    return NULL;
}

static PyObject *outline_of(const uint8_t *packet, Py_ssize_t room, long size, long sequence_id, long level_id)
{
    Outline of;
    const char *why = read_outline(packet, room, size, sequence_id, level_id, &of);
    if (why)
        return bad(why);
    return Py_BuildValue(
        "(Nllllllllllll)", PyBool_FromLong(of.marker), of.payload_type, of.sequence, of.timestamp, of.ssrc, of.profile,
        of.block, of.block_end, of.start, of.end, of.transport_sequence, of.audio_level, of.size);
}

PyDoc_STRVAR(outline_doc,
"outline(packet, size, sequence_id, level_id): what PacketReader.read finds, as a tuple in the order of its assignment,\n"
"and the size.");

static PyObject *outline(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    Py_buffer packet;
    if (!has_arguments(count, 4))
        return NULL;
    long size = PyLong_AsLong(args[1]), sequence_id = PyLong_AsLong(args[2]), level_id = PyLong_AsLong(args[3]);
    if (PyErr_Occurred() || PyObject_GetBuffer(args[0], &packet, PyBUF_SIMPLE))
        return NULL;
    PyObject *found = outline_of(packet.buf, packet.len, size, sequence_id, level_id);
    PyBuffer_Release(&packet);
    return found;
}

PyDoc_STRVAR(open_doc,
"open(opener, view, size, sequence_id, level_id): decrypt a packet, and what `outline` says of it then. None where it\n"
"was refused.");

static PyObject *open_packet(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    Py_ssize_t room;
    if (!has_arguments(count, 5))
        return NULL;
    Opener opener = {NULL, NULL};
    long size = PyLong_AsLong(args[2]), sequence_id = PyLong_AsLong(args[3]), level_id = PyLong_AsLong(args[4]);
    if (PyErr_Occurred() || !read_opener(&opener, args[0]))
        return NULL;
    uint8_t *packet = bytes_of(args[1], &room);
    if (!packet)
        return NULL;
    if (size < HEADER_BYTES || size > room)
        return bad("no such packet");
    int plain = (int)size;
    if (opener.unprotect(opener.context, packet, &plain))
        Py_RETURN_NONE;
    return outline_of(packet, room, plain, sequence_id, level_id);
}

enum { NO_LEVEL = -1, PICTURE = -2, SEND_TIME_BYTES = 3 };

/* What PublishLink._canonical makes of a payload. The length of its head goes into `head`. */
static PyObject *make_canonical(const uint8_t *payload, Py_ssize_t size, long second, const uint8_t *send_time, long level,
                                Py_ssize_t *head)
{
    int words = level == NO_LEVEL ? 1 : 2;
    *head = HEADER_BYTES + 4 + 4 * words;
    PyObject *made = PyBytes_FromStringAndSize(NULL, *head + size);
    if (!made)
        return NULL;
    uint8_t *at = (uint8_t *)PyBytes_AS_STRING(made);
    memset(at, 0, (size_t)*head);
    at[0] = 0x90;
    at[1] = (uint8_t)second;
    put32(at + HEADER_BYTES, 0xBEDE0000u + (uint32_t)words);
    at[16] = SEND_TIME_ELEMENT;
    memcpy(at + 17, send_time, SEND_TIME_BYTES);
    if (level >= 0) {
        at[20] = LEVEL_ELEMENT;
        at[21] = (uint8_t)level;
    }
    memcpy(at + *head, payload, (size_t)size);
    return made;
}

static int is_send_time(PyObject *time) { return PyBytes_Check(time) && PyBytes_GET_SIZE(time) == SEND_TIME_BYTES; }

PyDoc_STRVAR(canonical_doc,
"canonical(view, start, end, second, send_time, level): what PublishLink._canonical makes of a payload. level is -1\n"
"where sound has none, and -2 for pictures.");

static PyObject *canonical(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    Py_ssize_t room, head;
    if (!has_arguments(count, 6))
        return NULL;
    Py_ssize_t start = PyLong_AsSsize_t(args[1]), end = PyLong_AsSsize_t(args[2]);
    long second = PyLong_AsLong(args[3]), level = PyLong_AsLong(args[5]);
    if (PyErr_Occurred())
        return NULL;
    const uint8_t *packet = bytes_of(args[0], &room);
    if (!packet)
        return NULL;
    if (start < 0 || end < start || end > room || !is_send_time(args[4]))
        return bad("no such payload, or no time of sending");
    return make_canonical(packet + start, end - start, second, (const uint8_t *)PyBytes_AS_STRING(args[4]), level, &head);
}

/* What `take` was told about the packets that it may take, and what there is to say of those that it has. */
typedef struct {
    Opener opener;
    long long ssrc, sequence, timestamp, following, recorded, octets;
    long payload_type, sequence_id, level_id, second;
    double now;
    uint8_t send_time[SEND_TIME_BYTES];
    const char *refused;
    PyObject *codec, *arrivals, *taken, *noted;
    int is_picture;
} Taking;

/* Note when a packet has arrived, and for Python what else is to be noted: a number out of order, and what comes behind
   it; the first of a picture, for its jitter; how loud sound is. 0 with an exception. */
static int note_packet(Taking *taking, const Outline *of, double arrived_at)
{
    long number = of->transport_sequence;
    int is_lost = 0, is_next = number >= 0 && taking->following >= 0 && (taking->following & 0xFFFF) == number;
    if (is_next) {
        PyObject *key = PyLong_FromLongLong(taking->following++), *at = PyFloat_FromDouble(arrived_at);
        is_lost = !key || !at || PyDict_SetItem(taking->arrivals, key, at);
        Py_XDECREF(key);
        Py_XDECREF(at);
        taking->recorded++;
        number = -1;
    } else if (number >= 0)
        taking->following = -1;
    if (is_lost || (number < 0 && taking->is_picture && of->timestamp == taking->timestamp))
        return !is_lost;
    taking->timestamp = of->timestamp;
    PyObject *of_it[] = {PyLong_FromLong(of->timestamp), PyLong_FromLong(number), PyLong_FromLong(of->audio_level),
                         PyFloat_FromDouble(arrived_at)};
    PyObject *noted = tuple_of(4, of_it);
    is_lost = !noted || PyList_Append(taking->noted, noted);
    Py_XDECREF(noted);
    return !is_lost;
}

static PyObject *make_packet(const Taking *taking, const uint8_t *packet, const Outline *of)
{
    Py_ssize_t head;
    PyObject *data = make_canonical(packet + of->start, of->end - of->start, taking->second | of->marker << 7,
                                    taking->send_time, taking->is_picture ? PICTURE : of->audio_level, &head);
    Packet *made = data ? PyObject_New(Packet, &PacketType) : NULL;
    if (!made) {
        Py_XDECREF(data);
        return NULL;
    }
    made->data = data;
    made->codec = taking->codec;
    Py_INCREF(taking->codec);
    made->red = Py_None;
    Py_INCREF(Py_None);
    made->descriptor = NULL;
    made->sequence = taking->sequence;
    made->timestamp = of->timestamp;
    made->payload_start = head;
    made->video = (char)taking->is_picture;
    return (PyObject *)made;
}

/* Decrypt what is in `slot`, if it is what is wanted next, and take it. 0 with an exception, with why it was `refused`,
   or with neither where it is left to Python. */
static int take_slot(Taking *taking, const Slot *slot)
{
    Py_ssize_t room;
    uint8_t *packet = bytes_of(slot->view, &room);
    if (!packet)
        return 0;
    if (slot->size < MIN_SRTP_BYTES || slot->size > room || get32(packet + 8) != taking->ssrc ||
        get16(packet + 2) != (taking->sequence & 0xFFFF) || (packet[1] & 127) != taking->payload_type)
        return 0;
    int plain = (int)slot->size;
    Outline of;
    if (taking->opener.unprotect(taking->opener.context, packet, &plain))
        taking->refused = "srtp";
    else if (read_outline(packet, room, plain, taking->sequence_id, taking->level_id, &of))
        taking->refused = "rtp";
    if (taking->refused)
        return 0;
    PyObject *made = make_packet(taking, packet, &of);
    int is_lost = !made || PyList_Append(taking->taken, made) ||
                  !note_packet(taking, &of, taking->now - slot->waited_seconds);
    Py_XDECREF(made); /* the list has it */
    taking->octets += of.end - of.start;
    taking->sequence++;
    return !is_lost;
}

PyDoc_STRVAR(take_doc,
"take(opener, slots, at, ssrc, payload_type, sequence, sequence_id, level_id, second, codec, now, timestamp, arrivals,\n"
"following): decrypt the packets in slots from at on, as far as they follow on each other from sequence on, see\n"
"PublishLink._take_run. The packets; the octets of their payloads; how many have a transport-wide number that followed\n"
"on following, and an arrival time in arrivals now; of those of which more is to be noted timestamp, transport-wide\n"
"number, level (or -1) and arrival; and as what the one behind them was dropped (Link.dropped), or None.");

static PyObject *take(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    if (!has_arguments(count, 14))
        return NULL;
    Taking taking = {
        .ssrc = PyLong_AsLongLong(args[3]), .payload_type = PyLong_AsLong(args[4]),
        .sequence = PyLong_AsLongLong(args[5]), .sequence_id = PyLong_AsLong(args[6]),
        .level_id = PyLong_AsLong(args[7]), .second = PyLong_AsLong(args[8]), .now = PyFloat_AsDouble(args[10]),
        .timestamp = PyLong_AsLongLong(args[11]), .following = PyLong_AsLongLong(args[13]),
        .codec = args[9], .arrivals = args[12],
    };
    PyObject *slots = args[1];
    Py_ssize_t at = PyLong_AsSsize_t(args[2]);
    if (PyErr_Occurred() || !read_opener(&taking.opener, args[0]))
        return NULL;
    if (!PyList_Check(slots) || at < 0 || !PyUnicode_Check(taking.codec) ||
        !PyDict_Check(taking.arrivals))
        return bad("nothing to take, or nowhere to note it");
    if (taking.sequence > INT64_MAX / 2 || taking.following > INT64_MAX / 2 || !(fabs(taking.now) < 1e12))
        return bad("nothing has that number, or comes at that time");
    uint32_t ticks = (uint32_t)(int64_t)(taking.now * 262144); /* see absolute_send_time in fanout.py */
    taking.send_time[0] = (uint8_t)(ticks >> 16);
    put16(taking.send_time + 1, ticks);
    taking.is_picture = is_picture_in(taking.codec);
    taking.taken = PyList_New(0);
    taking.noted = PyList_New(0);
    int goes_on = taking.taken && taking.noted;
    while (goes_on && at < PyList_GET_SIZE(slots)) {
        PyObject *slot = PyList_GET_ITEM(slots, at++);
        goes_on = Py_IS_TYPE(slot, &SlotType) && ((Slot *)slot)->view;
        Py_INCREF(slot);
        goes_on = goes_on && take_slot(&taking, (Slot *)slot);
        Py_DECREF(slot);
    }
    PyObject *refused = taking.refused ? PyUnicode_InternFromString(taking.refused) : kept(NULL);
    PyObject *found[] = {taking.taken, PyLong_FromLongLong(taking.octets), PyLong_FromLongLong(taking.recorded),
                         taking.noted, refused};
    PyObject *all = tuple_of(5, found);
    if (PyErr_Occurred())
        Py_CLEAR(all);
    return all;
}

static PyMethodDef functions[] = {
    {"fan_out", (PyCFunction)(void (*)(void))fan_out, METH_FASTCALL, fan_out_doc},
    {"receive", (PyCFunction)(void (*)(void))receive, METH_FASTCALL, receive_doc},
    {"send", (PyCFunction)(void (*)(void))send_runs, METH_FASTCALL, send_doc},
    {"open", (PyCFunction)(void (*)(void))open_packet, METH_FASTCALL, open_doc},
    {"canonical", (PyCFunction)(void (*)(void))canonical, METH_FASTCALL, canonical_doc},
    {"take", (PyCFunction)(void (*)(void))take, METH_FASTCALL, take_doc},
    {"outline", (PyCFunction)(void (*)(void))outline, METH_FASTCALL, outline_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "media_engine.inner", "The inner loops of the engine, in C.", -1, functions, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit_inner(void)
{
    _Static_assert(sizeof(struct mmsghdr) == 64 && sizeof(struct sockaddr_in6) <= NAME_BYTES, "see datagrams.py");
    _Static_assert(CMSG_LEN(0) == SEGMENT_AT && CMSG_LEN(sizeof(struct timespec)) <= CONTROL_BYTES, "see datagrams.py");
    PyObject *module = intern_names() ? PyModule_Create(&definition) : NULL;
    PyTypeObject *records[] = {&SlotType, &PacketType, &EpochType, &OutletType, &LaneType, &NumberedType};
    for (size_t index = 0; module && index < sizeof records / sizeof *records; index++)
        if (PyModule_AddType(module, records[index]))
            Py_CLEAR(module);
    return module;
}
