/* Every slot of greenlet's C API as a Python function that does nothing else, and a type in C that
 * has a greenlet as its first member. In arguments, None stands for NULL. */
#include <Python.h>
#include "greenlet/greenlet.h"

static PyObject *or_null(PyObject *object)
{
    return object == Py_None ? NULL : object;
}

static PyObject *or_none(void *object)
{
    if (object == NULL && !PyErr_Occurred())
        Py_RETURN_NONE;
    return (PyObject *)object;
}

static PyObject *truth(int answer)
{
    if (answer < 0)
        return NULL;
    return PyBool_FromLong(answer);
}

static PyObject *new_greenlet(PyObject *module, PyObject *args)
{
    PyObject *run, *parent;
    if (!PyArg_ParseTuple(args, "OO", &run, &parent))
        return NULL;
    return (PyObject *)PyGreenlet_New(or_null(run), (PyGreenlet *)or_null(parent));
}

static PyObject *get_current(PyObject *module, PyObject *unused)
{
    return (PyObject *)PyGreenlet_GetCurrent();
}

static PyObject *throw_into(PyObject *module, PyObject *args)
{
    PyObject *g, *type, *value, *traceback;
    if (!PyArg_ParseTuple(args, "OOOO", &g, &type, &value, &traceback))
        return NULL;
    return PyGreenlet_Throw((PyGreenlet *)g, type, or_null(value), or_null(traceback));
}

static PyObject *switch_to(PyObject *module, PyObject *args)
{
    PyObject *g, *positional, *keywords;
    if (!PyArg_ParseTuple(args, "OOO", &g, &positional, &keywords))
        return NULL;
    return PyGreenlet_Switch((PyGreenlet *)g, or_null(positional), or_null(keywords));
}

static PyObject *set_parent(PyObject *module, PyObject *args)
{
    PyObject *g, *parent;
    if (!PyArg_ParseTuple(args, "OO", &g, &parent))
        return NULL;
    if (PyGreenlet_SetParent((PyGreenlet *)g, (PyGreenlet *)or_null(parent)) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *get_parent(PyObject *module, PyObject *g)
{
    return or_none(PyGreenlet_GetParent((PyGreenlet *)g));
}

static PyObject *get_parent_by_its_old_name(PyObject *module, PyObject *g)
{
    return or_none(PyGreenlet_GET_PARENT((PyGreenlet *)g));
}

static PyObject *is_main(PyObject *module, PyObject *g)
{
    return truth(PyGreenlet_MAIN((PyGreenlet *)g));
}

static PyObject *is_started(PyObject *module, PyObject *g)
{
    return truth(PyGreenlet_STARTED((PyGreenlet *)g));
}

static PyObject *is_active(PyObject *module, PyObject *g)
{
    return truth(PyGreenlet_ACTIVE((PyGreenlet *)g));
}

static PyObject *check(PyObject *module, PyObject *object)
{
    object = or_null(object);
    return truth(PyGreenlet_Check(object));
}

/* The visible members: weakreflist and dict as objects or None, and whether pimpl is set. */
static PyObject *members(PyObject *module, PyObject *object)
{
    PyGreenlet *g = (PyGreenlet *)object;
    return Py_BuildValue("OON", g->weakreflist ? g->weakreflist : Py_None,
                         g->dict ? g->dict : Py_None, PyBool_FromLong(g->pimpl != NULL));
}

/* The sum of what `g` gives, switched to until it is dead. */
static PyObject *drain(PyObject *module, PyObject *object)
{
    long sum = 0;
    PyGreenlet *g = (PyGreenlet *)object;
    for (;;) {
        PyObject *value = PyGreenlet_Switch(g, NULL, NULL);
        if (value == NULL)
            return NULL;
        if (!PyGreenlet_ACTIVE(g)) {
            Py_DECREF(value);
            return PyLong_FromLong(sum);
        }
        sum += PyLong_AsLong(value);
        Py_DECREF(value);
    }
}

typedef struct {
    PyGreenlet greenlet;
    int number;
} Numbered;

static PyObject *get_number(PyObject *self, void *closure)
{
    return PyLong_FromLong(((Numbered *)self)->number);
}

static int set_number(PyObject *self, PyObject *value, void *closure)
{
    ((Numbered *)self)->number = (int)PyLong_AsLong(value);
    return PyErr_Occurred() ? -1 : 0;
}

static PyGetSetDef numbered_getset[] = {
    {"number", get_number, set_number, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyTypeObject numbered_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "c_api.Numbered",
    .tp_basicsize = sizeof(Numbered),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_getset = numbered_getset,
};

static PyMethodDef functions[] = {
    {"new", new_greenlet, METH_VARARGS, NULL},
    {"getcurrent", get_current, METH_NOARGS, NULL},
    {"throw", throw_into, METH_VARARGS, NULL},
    {"switch", switch_to, METH_VARARGS, NULL},
    {"set_parent", set_parent, METH_VARARGS, NULL},
    {"get_parent", get_parent, METH_O, NULL},
    {"GET_PARENT", get_parent_by_its_old_name, METH_O, NULL},
    {"is_main", is_main, METH_O, NULL},
    {"is_started", is_started, METH_O, NULL},
    {"is_active", is_active, METH_O, NULL},
    {"check", check, METH_O, NULL},
    {"members", members, METH_O, NULL},
    {"drain", drain, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "c_api", .m_size = -1, .m_methods = functions,
};

PyMODINIT_FUNC PyInit_c_api(void)
{
    PyGreenlet_Import();
    if (_PyGreenlet_API == NULL)
        return NULL;
    numbered_type.tp_base = &PyGreenlet_Type;
    if (PyType_Ready(&numbered_type) < 0)
        return NULL;
    PyObject *module = PyModule_Create(&definition);
    if (module == NULL)
        return NULL;
    if (PyModule_AddObjectRef(module, "greenlet", (PyObject *)&PyGreenlet_Type) < 0 ||
        PyModule_AddObjectRef(module, "error", PyExc_GreenletError) < 0 ||
        PyModule_AddObjectRef(module, "GreenletExit", PyExc_GreenletExit) < 0 ||
        PyModule_AddObjectRef(module, "Numbered", (PyObject *)&numbered_type) < 0 ||
        PyModule_AddIntConstant(module, "slots", PyGreenlet_API_pointers) < 0 ||
        PyModule_AddStringConstant(module, "version", GREENLET_VERSION) < 0) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}
