(struct_specifier name: (_) @declared body: (_)) @struct
(union_specifier name: (_) @declared body: (_)) @union
(enum_specifier name: (_) @declared body: (_)) @enum

; A name for what has none of its own; beside a name, no more than another one.
(type_definition type: (struct_specifier !name body: (_)) declarator: (type_identifier) @name)
  @struct
(type_definition type: (union_specifier !name body: (_)) declarator: (type_identifier) @name)
  @union
(type_definition type: (enum_specifier !name body: (_)) declarator: (type_identifier) @name)
  @enum
(type_definition
  type: [
    (struct_specifier name: (_) body: (_))
    (union_specifier name: (_) body: (_))
    (enum_specifier name: (_) body: (_))
  ]
  declarator: (type_identifier) @name @type)
(type_definition declarator: (_) @declared) @type

(preproc_function_def name: (_) @name) @macro
(preproc_def name: (_) @name value: (_)) @constant

(function_definition declarator: (_) @called) @function
; Not in a body, where it is no more than a variable, most of the time.
(translation_unit (declaration declarator: (_) @called) @function)
(linkage_specification (declaration declarator: (_) @called) @function)
(declaration_list (declaration declarator: (_) @called) @function)
(preproc_if (declaration declarator: (_) @called) @function) @_branch
(preproc_ifdef (declaration declarator: (_) @called) @function) @_branch
(preproc_else (declaration declarator: (_) @called) @function) @_branch
(preproc_elif (declaration declarator: (_) @called) @function) @_branch
(ERROR (declaration declarator: (_) @called) @function)

((translation_unit (declaration
  (type_qualifier) @_const
  declarator: (init_declarator declarator: [
    (identifier) @name
    (array_declarator declarator: (identifier) @name)
  ])) @constant)
  (#any-of? @_const "const" "constexpr"))
((declaration_list (declaration
  (type_qualifier) @_const
  declarator: (init_declarator declarator: [
    (identifier) @name
    (array_declarator declarator: (identifier) @name)
  ])) @constant)
  (#any-of? @_const "const" "constexpr"))
((preproc_ifdef (declaration
  (type_qualifier) @_const
  declarator: (init_declarator declarator: [
    (identifier) @name
    (array_declarator declarator: (identifier) @name)
  ])) @constant)
  (#any-of? @_const "const" "constexpr"))
