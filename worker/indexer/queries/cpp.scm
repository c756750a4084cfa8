; inherits: c
(class_specifier name: [
  (type_identifier) @name
  (template_type name: (_) @name)
  (qualified_identifier scope: (_) @parent name: (type_identifier) @name)
] body: (_)) @class
(struct_specifier name: (qualified_identifier scope: (_) @parent name: (type_identifier) @name)
  body: (_)) @struct
(namespace_definition name: (_) @name) @namespace
(concept_definition name: (_) @name) @concept
(alias_declaration name: (_) @name) @type

(friend_declaration (declaration declarator: [
  (function_declarator declarator: (_) @name)
  (reference_declarator (function_declarator declarator: (_) @name))
]) @ignore)

(function_definition declarator: [
  (function_declarator declarator: [
    (field_identifier) @name
    (operator_name) @name
    (destructor_name) @name
    (template_function name: (_) @name)
  ])
  (pointer_declarator declarator: (function_declarator declarator: [
    (field_identifier) @name
    (operator_name) @name
    (template_function name: (_) @name)
  ]))
  (reference_declarator (function_declarator declarator: [
    (identifier) @name
    (field_identifier) @name
    (operator_name) @name
    (template_function name: (_) @name)
  ]))
]) @function

; Outside its class: the last scope is the parent.
(function_definition declarator: [
  (function_declarator declarator: (qualified_identifier
    scope: [(namespace_identifier) @parent (template_type name: (_) @parent)]
    name: [(identifier) (operator_name) (destructor_name)] @name))
  (pointer_declarator declarator: (function_declarator declarator: (qualified_identifier
    scope: [(namespace_identifier) @parent (template_type name: (_) @parent)]
    name: [(identifier) (operator_name)] @name)))
  (reference_declarator (function_declarator declarator: (qualified_identifier
    scope: [(namespace_identifier) @parent (template_type name: (_) @parent)]
    name: [(identifier) (operator_name)] @name)))
]) @method
(function_definition declarator: [
  (function_declarator declarator: (qualified_identifier name: (qualified_identifier
    scope: [(namespace_identifier) @parent (template_type name: (_) @parent)]
    name: [(identifier) (operator_name) (destructor_name)] @name)))
  (pointer_declarator declarator: (function_declarator declarator:
    (qualified_identifier name: (qualified_identifier
      scope: [(namespace_identifier) @parent (template_type name: (_) @parent)]
      name: [(identifier) (operator_name)] @name))))
  (reference_declarator (function_declarator declarator:
    (qualified_identifier name: (qualified_identifier
      scope: [(namespace_identifier) @parent (template_type name: (_) @parent)]
      name: [(identifier) (operator_name)] @name))))
]) @method
(function_definition declarator:
  (function_declarator declarator: (qualified_identifier name: (qualified_identifier
    name: (qualified_identifier
      scope: [(namespace_identifier) @parent (template_type name: (_) @parent)]
      name: [(identifier) (operator_name) (destructor_name)] @name))))) @method

(declaration declarator: [
  (function_declarator declarator: [(operator_name) (destructor_name)] @name)
  (reference_declarator (function_declarator declarator: [(identifier) (operator_name)] @name))
]) @function
(field_declaration declarator: [
  (function_declarator declarator: [
    (identifier) (field_identifier) (operator_name) (destructor_name)] @name)
  (pointer_declarator declarator:
    (function_declarator declarator: [(field_identifier) (operator_name)] @name))
  (reference_declarator
    (function_declarator declarator: [(field_identifier) (operator_name)] @name))
]) @method

((field_declaration
  (storage_class_specifier) @_static
  (type_qualifier) @_const
  declarator: (field_identifier) @name
  default_value: (_)) @constant
  (#eq? @_static "static") (#any-of? @_const "const" "constexpr"))
