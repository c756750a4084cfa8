(struct_specifier name: (_) @name body: (_)) @struct
(union_specifier name: (_) @name body: (_)) @union
(enum_specifier name: (_) @name body: (_)) @enum

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
(type_definition declarator: [
  (type_identifier) @name
  (pointer_declarator declarator: (type_identifier) @name)
  (array_declarator declarator: (type_identifier) @name)
  (function_declarator declarator: (type_identifier) @name)
  (function_declarator
    declarator: (parenthesized_declarator (pointer_declarator declarator: (type_identifier) @name)))
]) @type

(preproc_function_def name: (_) @name) @macro
(preproc_def name: (_) @name value: (_)) @constant

(function_definition declarator: [
  (function_declarator declarator: (identifier) @name)
  (function_declarator declarator: (parenthesized_declarator (identifier) @name))
  (pointer_declarator declarator: (function_declarator declarator: (identifier) @name))
  (pointer_declarator declarator: (pointer_declarator declarator:
    (function_declarator declarator: (identifier) @name)))
]) @function

; In a body it is no more than a variable, most of the time.
(compound_statement
  (declaration declarator: (function_declarator declarator: (identifier) @name)) @ignore)
(declaration declarator: [
  (function_declarator declarator: (identifier) @name)
  (function_declarator declarator: (parenthesized_declarator (identifier) @name))
  (pointer_declarator declarator: (function_declarator declarator: (identifier) @name))
  (pointer_declarator declarator: (pointer_declarator declarator:
    (function_declarator declarator: (identifier) @name)))
]) @function

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
