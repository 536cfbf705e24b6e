/* pthread_exit, called as C code calls it: without the GIL, on a thread that this module made. */
#include <pthread.h>

#include <Python.h>

/* Ends the calling thread from within whatever greenlet runs there. */
static PyObject *end_this_thread(PyObject *module, PyObject *unused)
{
    PyEval_SaveThread();
    pthread_exit(NULL);
}

/* Python code runs in the thread, which need not come back. */
static void *body(void *function)
{
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *result = PyObject_CallNoArgs(function);
    if (result == NULL)
        PyErr_WriteUnraisable(function);
    Py_XDECREF(result);
    PyGILState_Release(state);
    return NULL;
}

/* Calls a function in a thread of its own, and waits for the end of the thread, however it ends. */
static PyObject *in_thread(PyObject *module, PyObject *function)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, body, function) != 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    Py_BEGIN_ALLOW_THREADS
    pthread_join(thread, NULL);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"end_this_thread", end_this_thread, METH_NOARGS, NULL},
    {"in_thread", in_thread, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "ends_thread", .m_size = -1, .m_methods = functions,
};

PyMODINIT_FUNC PyInit_ends_thread(void)
{
    return PyModule_Create(&definition);
}
