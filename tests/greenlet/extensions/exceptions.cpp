// C++ exceptions thrown and caught in frames above and below a switch.
#include <stdexcept>
#include <string>

#include <Python.h>
#include "greenlet/greenlet.h"

namespace {

// Switches to `target` and back, or passes a Python exception on as a C++ one.
void visit(PyObject *target)
{
    PyObject *value = PyGreenlet_Switch(reinterpret_cast<PyGreenlet *>(target), nullptr, nullptr);
    if (value == nullptr)
        throw std::runtime_error("a Python exception");
    Py_DECREF(value);
}

// Its destructor shows that a frame was unwound.
struct Flag {
    explicit Flag(bool &raised) : raised(raised) {}
    ~Flag() { raised = true; }
    bool &raised;
};

// Throws above a frame that catches, with a switch before the throw.
PyObject *throw_after_switch(PyObject *, PyObject *target)
{
    bool unwound = false;
    try {
        Flag flag(unwound);
        visit(target);
        throw std::logic_error("after the switch");
    } catch (const std::logic_error &error) {
        return Py_BuildValue("sO", error.what(), unwound ? Py_True : Py_False);
    } catch (const std::runtime_error &) {
        return nullptr;
    }
}

// Switches while an exception is being handled, and throws it again afterwards.
PyObject *switch_while_handling(PyObject *, PyObject *args)
{
    const char *text;
    PyObject *target;
    if (!PyArg_ParseTuple(args, "sO", &text, &target))
        return nullptr;
    try {
        try {
            throw std::logic_error(text);
        } catch (const std::logic_error &) {
            visit(target);
            throw;
        }
    } catch (const std::logic_error &again) {
        return PyUnicode_FromString(again.what());
    } catch (const std::runtime_error &) {
        return nullptr;
    }
}

// Throws, for whoever is below on this stack.
PyObject *throw_here(PyObject *, PyObject *)
{
    throw std::logic_error("nobody below catches");
}

// Calls a Python function and catches what C++ exceptions come through the interpreter's frames.
PyObject *catching(PyObject *, PyObject *function)
{
    try {
        return PyObject_CallNoArgs(function);
    } catch (const std::logic_error &error) {
        return PyUnicode_FromString(error.what());
    }
}

PyMethodDef functions[] = {
    {"throw_after_switch", throw_after_switch, METH_O, nullptr},
    {"switch_while_handling", switch_while_handling, METH_VARARGS, nullptr},
    {"throw_here", throw_here, METH_NOARGS, nullptr},
    {"catching", catching, METH_O, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef definition = {PyModuleDef_HEAD_INIT, "exceptions", nullptr, -1, functions,
                          nullptr,               nullptr,      nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit_exceptions()
{
    PyGreenlet_Import();
    if (_PyGreenlet_API == nullptr)
        return nullptr;
    return PyModule_Create(&definition);
}
