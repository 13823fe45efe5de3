/* The inner loops of the engine, for who has a compiler: `./run compile` builds them beside what mypyc makes.

   Each does to the byte what the Python beside its only call does, which runs where this is not there: `writing.write`,
   `Inbox.read`, `PacketReader.open` and `read`, `PublishLink._canonical`, `Outbox._send_first`. Nothing is decided here: which packet,
   for whom and whether at all comes as an argument. No call is trusted with an index: what does not fit the memory it is
   given raises ValueError. Addresses have to be believed: libsrtp's contexts, a destination's name, and those that `Inbox`
   and `Outbox` have written into their tables. The interpreter is not let go of meanwhile: media waits for nobody. */

#define PY_SSIZE_T_CLEAN
#define _GNU_SOURCE
#include <Python.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* libsrtp's, out of pylibsrtp: `bind` says where it is. */
typedef int (*srtp_function)(void *context, void *packet, int *length);
static srtp_function srtp_protect = NULL, srtp_unprotect = NULL;

enum { CONTROL_BYTES = 32, NAME_BYTES = 32, SEGMENT_AT = 16, TRAILER_BYTES = 160, HEADER_BYTES = 12 };

/* Identifiers and lengths of header extensions, see sdp_write.py. */
enum { NUMBER_ELEMENT = 0x31, SEND_TIME_ELEMENT = 0x22, LEVEL_ELEMENT = 0x10 };

static void put16(uint8_t *at, uint32_t value) { at[0] = (uint8_t)(value >> 8); at[1] = (uint8_t)value; }

static void put32(uint8_t *at, uint32_t value) { put16(at, value >> 16); put16(at + 2, value); }

static uint32_t get16(const uint8_t *at) { return (uint32_t)at[0] << 8 | at[1]; }

static uint32_t get32(const uint8_t *at) { return get16(at) << 16 | get16(at + 2); }

static PyObject *bad(const char *why) { PyErr_SetString(PyExc_ValueError, why); return NULL; }

/* The bytes of a memoryview to write to; NULL with an exception where it is none, not of plain bytes, or let go of. */
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

PyDoc_STRVAR(bind_doc, "bind(protect, unprotect): where libsrtp's srtp_protect and srtp_unprotect are.");

static PyObject *bind_srtp(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    if (!has_arguments(count, 2))
        return NULL;
    srtp_protect = (srtp_function)PyLong_AsVoidPtr(args[0]);
    srtp_unprotect = (srtp_function)PyLong_AsVoidPtr(args[1]);
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
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

/* One picture's place in a packet, as `Burst.pictures` has it (RFC 7741, section 4.2; rewrite_picture). */
static int move_picture(uint8_t *packet, long size, PyObject *picture, long picture_id_offset, long tl0_offset)
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

PyDoc_STRVAR(write_doc,
"write(context, view, at, data, parts, overhead, sequence_offset, timestamp_offset, ssrc, number, payload_type, wait,\n"
"pictures, picture_id_offset, tl0_offset): see writing.write.");

static PyObject *write_burst(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    Py_ssize_t room;
    if (!has_arguments(count, 15))
        return NULL;
    void *context = PyLong_AsVoidPtr(args[0]);
    uint8_t *memory = bytes_of(args[1], &room);
    if (memory == NULL)
        return NULL;
    PyObject *data = args[3], *parts = args[4], *wait = args[11], *pictures = args[12];
    Py_ssize_t at = PyLong_AsSsize_t(args[2]);
    long overhead = PyLong_AsLong(args[5]);
    long long sequence_offset = PyLong_AsLongLong(args[6]);
    uint32_t timestamp_offset = (uint32_t)PyLong_AsUnsignedLongLongMask(args[7]);
    uint32_t ssrc = (uint32_t)PyLong_AsUnsignedLongMask(args[8]);
    long long number = PyLong_AsLongLong(args[9]);
    long payload_type = PyLong_AsLong(args[10]);
    long picture_id_offset = PyLong_AsLong(args[13]), tl0_offset = PyLong_AsLong(args[14]);
    if (PyErr_Occurred())
        return NULL;
    if (!context || !srtp_protect || !PyBytes_Check(data) || !PyList_Check(parts))
        return bad("nothing to write, or nothing to encrypt it with");
    if (wait != Py_None && (!PyBytes_Check(wait) || PyBytes_GET_SIZE(wait) != 4))
        return bad("wait is not four bytes");
    Py_ssize_t packets = PyList_GET_SIZE(parts), size = PyBytes_GET_SIZE(data);
    if (pictures != Py_None && (!PyList_Check(pictures) || PyList_GET_SIZE(pictures) != packets))
        return bad("pictures are not as many as packets");
    if (at < 0 || overhead < 0 || overhead > TRAILER_BYTES || at > room || size + TRAILER_BYTES > room - at)
        return bad("no room");
    Py_ssize_t begin = at, end = at + size;
    memcpy(memory + at, PyBytes_AS_STRING(data), (size_t)size);
    for (Py_ssize_t index = 0; index < packets; index++) {
        PyObject *part = PyList_GET_ITEM(parts, index);
        if (!has_numbers(part, 5, 1, 3))
            return bad("a part is not a tuple of five with three numbers");
        long length = PyLong_AsLong(PyTuple_GET_ITEM(part, 1));
        long long sequence = PyLong_AsLongLong(PyTuple_GET_ITEM(part, 2));
        uint32_t timestamp = (uint32_t)PyLong_AsUnsignedLongLongMask(PyTuple_GET_ITEM(part, 3));
        if (PyErr_Occurred())
            return NULL;
        if (length < HEADER_BYTES + ((number || wait != Py_None) ? 12 : 0) || length > end - at)
            return bad("a part is larger than what was laid out, or has no room for its numbers");
        uint8_t *packet = memory + at;
        put16(packet + 2, (uint32_t)((unsigned long long)sequence + (unsigned long long)sequence_offset));
        put32(packet + 4, timestamp + timestamp_offset);
        put32(packet + 8, ssrc);
        if (number) {
            put32(packet + 12, 0xBEDE0002);
            packet[16] = NUMBER_ELEMENT;
            put16(packet + 17, (uint32_t)number++);
            packet[19] = 0;
        }
        if (payload_type)
            packet[1] = (uint8_t)((packet[1] & 0x80) | payload_type);
        if (wait != Py_None)
            memcpy(packet + 20, PyBytes_AS_STRING(wait), 4);
        if (pictures != Py_None) {
            PyObject *picture = PyList_GET_ITEM(pictures, index);
            if (picture != Py_None && !move_picture(packet, length, picture, picture_id_offset, tl0_offset))
                return NULL;
        }
        at += length + overhead;
    }
    /* Only now that nothing can be wrong with any of them any more: what libsrtp has encrypted it counts as sent, and
       what raises was not. A receiver whose numbers are behind libsrtp's is refused everything. */
    at = begin;
    for (Py_ssize_t index = 0; index < packets; index++) {
        int length = (int)PyLong_AsLong(PyTuple_GET_ITEM(PyList_GET_ITEM(parts, index), 1)), protected = length;
        if (srtp_protect(context, memory + at, &protected))
            return PyLong_FromLong(0);
        at += length + overhead;
    }
    return PyLong_FromSsize_t(at);
}

PyDoc_STRVAR(receive_doc,
"receive(descriptor, messages, pristine, used, memory, names, control, apart, is_ip6): read what there is, without\n"
"waiting. A list of (size, first, second, ssrc, key, waited_seconds), see Slot; used: how many messages to renew.");

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

static PyObject *receive(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    Py_ssize_t messages_size, memory_size, names_size, control_size;
    if (!has_arguments(count, 9))
        return NULL;
    int descriptor = (int)PyLong_AsLong(args[0]), is_ip6 = PyObject_IsTrue(args[8]);
    long used = PyLong_AsLong(args[3]), apart = PyLong_AsLong(args[7]);
    if (PyErr_Occurred())
        return NULL;
    uint8_t *messages = bytes_of(args[1], &messages_size), *memory = bytes_of(args[4], &memory_size);
    uint8_t *names = bytes_of(args[5], &names_size), *control = bytes_of(args[6], &control_size);
    if (!messages || !memory || !names || !control)
        return NULL;
    long size = (long)(messages_size / (Py_ssize_t)sizeof(struct mmsghdr));
    if (!PyBytes_Check(args[2]) || PyBytes_GET_SIZE(args[2]) != messages_size || used < 0 || used > size ||
        size < 1 || apart < HEADER_BYTES || apart > memory_size / size || names_size < size * NAME_BYTES ||
        control_size < size * CONTROL_BYTES)
        return bad("the tables do not fit together");
    struct mmsghdr *table = (struct mmsghdr *)messages;
    memcpy(table, PyBytes_AS_STRING(args[2]), (size_t)used * sizeof *table); /* the kernel writes its lengths over ours */
    int came = recvmmsg(descriptor, table, (unsigned int)size, MSG_DONTWAIT, NULL);
    PyObject *found = PyList_New(came > 0 ? came : 0);
    if (came <= 0 || !found)
        return found;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    for (int index = 0; index < came; index++) {
        const uint8_t *datagram = memory + index * apart;
        PyObject *one = PyTuple_New(6);
        PyObject *key = key_of(names + index * NAME_BYTES, is_ip6);
        if (!one || !key) {
            Py_XDECREF(one);
            Py_XDECREF(key);
            Py_DECREF(found);
            return NULL;
        }
        PyTuple_SET_ITEM(one, 0, PyLong_FromLong((long)table[index].msg_len));
        PyTuple_SET_ITEM(one, 1, PyLong_FromLong(datagram[0]));
        PyTuple_SET_ITEM(one, 2, PyLong_FromLong(datagram[1]));
        PyTuple_SET_ITEM(one, 3, PyLong_FromUnsignedLong(get32(datagram + 8)));
        PyTuple_SET_ITEM(one, 4, key);
        PyTuple_SET_ITEM(one, 5, PyFloat_FromDouble(waited_seconds(control + index * CONTROL_BYTES, &now)));
        PyList_SET_ITEM(found, index, one);
    }
    if (PyErr_Occurred()) {
        Py_DECREF(found);
        return NULL;
    }
    return found;
}

/* Write `runs` of the outbox into its table of messages, see Outbox._fill. Where not all fits, 0 with an exception. */
static int fill(struct mmsghdr *message, uint8_t *memory, Py_ssize_t memory_size, PyObject *runs)
{
    static PyObject *of_name;
    if (!of_name && !(of_name = PyUnicode_InternFromString("name")))
        return 0;
    for (Py_ssize_t index = 0; index < PyList_GET_SIZE(runs); index++, message++) {
        PyObject *run = PyList_GET_ITEM(runs, index);
        if (!has_numbers(run, 4, 1, 3)) {
            bad("a run is not a tuple of four with three numbers");
            return 0;
        }
        PyObject *name = PyObject_GetAttr(PyTuple_GET_ITEM(run, 0), of_name);
        if (!name)
            return 0;
        Py_DECREF(name); /* its destination has it, and the run has that */
        if (!PyBytes_Check(name) || PyBytes_GET_SIZE(name) > (Py_ssize_t)sizeof(struct sockaddr_in6)) {
            bad("a destination has no name");
            return 0;
        }
        Py_ssize_t start = PyLong_AsSsize_t(PyTuple_GET_ITEM(run, 1));
        Py_ssize_t size = PyLong_AsSsize_t(PyTuple_GET_ITEM(run, 2));
        long datagram = PyLong_AsLong(PyTuple_GET_ITEM(run, 3));
        if (PyErr_Occurred())
            return 0;
        if (datagram < 0 || datagram > UINT16_MAX) {
            bad("larger than a datagram");
            return 0;
        }
        uint16_t segment = (uint16_t)datagram;
        if (start < 0 || size < 0 || start > memory_size || size > memory_size - start) {
            bad("a run lies outside of the outbox");
            return 0;
        }
        message->msg_hdr.msg_name = PyBytes_AS_STRING(name);
        message->msg_hdr.msg_namelen = (socklen_t)PyBytes_GET_SIZE(name);
        message->msg_hdr.msg_iov[0].iov_base = memory + start;
        message->msg_hdr.msg_iov[0].iov_len = (size_t)size;
        message->msg_hdr.msg_controllen = size > datagram ? CMSG_SPACE(sizeof segment) : 0;
        memcpy((uint8_t *)message->msg_hdr.msg_control + SEGMENT_AT, &segment, sizeof segment);
    }
    return 1;
}

PyDoc_STRVAR(send_doc,
"send(descriptor, messages, memory, runs): see Outbox._send_first.");

static PyObject *send_runs(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    Py_ssize_t messages_size, memory_size;
    if (!has_arguments(count, 4))
        return NULL;
    int descriptor = (int)PyLong_AsLong(args[0]);
    if (PyErr_Occurred())
        return NULL;
    uint8_t *messages = bytes_of(args[1], &messages_size), *memory = bytes_of(args[2], &memory_size);
    PyObject *runs = args[3];
    if (!messages || !memory)
        return NULL;
    if (!PyList_Check(runs) || PyList_GET_SIZE(runs) * (Py_ssize_t)sizeof(struct mmsghdr) > messages_size)
        return bad("more runs than there are messages");
    struct mmsghdr *table = (struct mmsghdr *)messages;
    if (!fill(table, memory, memory_size, runs))
        return NULL;
    int sent = sendmmsg(descriptor, table, (unsigned int)PyList_GET_SIZE(runs), MSG_DONTWAIT);
    return PyLong_FromLong(sent > 0 ? sent : -errno);
}

static PyObject *outline_of(const uint8_t *packet, Py_ssize_t room, long size, long sequence_id, long level_id)
{
    if (size < HEADER_BYTES || size > room)
        return bad("RTP packet is too short");
    if (packet[0] >> 6 != 2)
        return bad("RTP version is not 2");
    long start = HEADER_BYTES + 4 * (packet[0] & 15), end = size, block = 0, block_end = 0, profile = 0;
    if (packet[0] & 0x10) {
        if (start + 4 > size)
            return bad("RTP extension header runs over the end");
        profile = (long)get16(packet + start);
        block = start + 4;
        block_end = start = block + 4 * (long)get16(packet + start + 2);
    }
    if (packet[0] & 0x20 && size > start) {
        if (!packet[size - 1])
            return bad("RTP padding of zero");
        end -= packet[size - 1];
    }
    if (start > end)
        return bad("RTP packet has a negative payload");
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
    const long numbers[] = {
        packet[1] & 127, (long)get16(packet + 2), (long)get32(packet + 4), (long)get32(packet + 8), profile, block,
        block_end, start, end, transport_sequence, audio_level, size,
    };
    enum { NUMBERS = sizeof numbers / sizeof *numbers };
    PyObject *found = PyTuple_New(1 + NUMBERS);
    if (!found)
        return NULL;
    PyTuple_SET_ITEM(found, 0, PyBool_FromLong(packet[1] > 127));
    for (int index = 0; index < NUMBERS; index++)
        PyTuple_SET_ITEM(found, 1 + index, PyLong_FromLong(numbers[index]));
    if (PyErr_Occurred())
        Py_CLEAR(found);
    return found;
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
"open(context, view, size, sequence_id, level_id): decrypt a packet, and what `outline` says of it then. None where\n"
"libsrtp refused.");

static PyObject *open_packet(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    Py_ssize_t room;
    if (!has_arguments(count, 5))
        return NULL;
    void *context = PyLong_AsVoidPtr(args[0]);
    uint8_t *packet = bytes_of(args[1], &room);
    long size = PyLong_AsLong(args[2]), sequence_id = PyLong_AsLong(args[3]), level_id = PyLong_AsLong(args[4]);
    if (!packet || PyErr_Occurred())
        return NULL;
    if (!context || !srtp_unprotect || size < HEADER_BYTES || size > room)
        return bad("no such packet, or nothing to decrypt it with");
    int plain = (int)size;
    if (srtp_unprotect(context, packet, &plain))
        Py_RETURN_NONE;
    return outline_of(packet, room, plain, sequence_id, level_id);
}

PyDoc_STRVAR(canonical_doc,
"canonical(view, start, end, second, send_time, level): what PublishLink._canonical makes of a payload. level is -1\n"
"where sound has none, and -2 for pictures.");

static PyObject *canonical(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    Py_ssize_t room;
    if (!has_arguments(count, 6))
        return NULL;
    const uint8_t *packet = bytes_of(args[0], &room);
    Py_ssize_t start = PyLong_AsSsize_t(args[1]), end = PyLong_AsSsize_t(args[2]);
    long second = PyLong_AsLong(args[3]), level = PyLong_AsLong(args[5]);
    if (!packet || PyErr_Occurred())
        return NULL;
    if (start < 0 || end < start || end > room || !PyBytes_Check(args[4]) || PyBytes_GET_SIZE(args[4]) != 3)
        return bad("no such payload, or no time of sending");
    int words = level == -1 ? 1 : 2;
    Py_ssize_t head = HEADER_BYTES + 4 + 4 * words;
    PyObject *made = PyBytes_FromStringAndSize(NULL, head + end - start);
    if (!made)
        return NULL;
    uint8_t *at = (uint8_t *)PyBytes_AS_STRING(made);
    memset(at, 0, (size_t)head);
    at[0] = 0x90;
    at[1] = (uint8_t)second;
    put32(at + HEADER_BYTES, 0xBEDE0000u + (uint32_t)words);
    at[16] = SEND_TIME_ELEMENT;
    memcpy(at + 17, PyBytes_AS_STRING(args[4]), 3);
    if (level >= 0) {
        at[20] = LEVEL_ELEMENT;
        at[21] = (uint8_t)level;
    }
    memcpy(at + head, packet + start, (size_t)(end - start));
    return made;
}

static PyMethodDef functions[] = {
    {"bind", (PyCFunction)(void (*)(void))bind_srtp, METH_FASTCALL, bind_doc},
    {"write", (PyCFunction)(void (*)(void))write_burst, METH_FASTCALL, write_doc},
    {"receive", (PyCFunction)(void (*)(void))receive, METH_FASTCALL, receive_doc},
    {"send", (PyCFunction)(void (*)(void))send_runs, METH_FASTCALL, send_doc},
    {"open", (PyCFunction)(void (*)(void))open_packet, METH_FASTCALL, open_doc},
    {"canonical", (PyCFunction)(void (*)(void))canonical, METH_FASTCALL, canonical_doc},
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
    return PyModule_Create(&definition);
}
