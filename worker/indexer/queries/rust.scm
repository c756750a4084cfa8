(struct_item name: (_) @name) @struct
(enum_item name: (_) @name) @enum
(union_item name: (_) @name) @union
(trait_item name: (_) @name) @trait
(mod_item name: (_) @name) @module
(macro_definition name: (_) @name) @macro

; What an impl holds belongs to its type.
(impl_item
  type: [
    (type_identifier) @parent
    (generic_type type: [(type_identifier) @parent (scoped_type_identifier name: (_) @parent)])
    (scoped_type_identifier name: (_) @parent)
    (reference_type type: (type_identifier) @parent)
    (primitive_type) @parent
  ]
  body: (declaration_list [
    (function_item name: (_) @name) @method
    (const_item name: (_) @name) @constant
    (type_item name: (_) @name) @type
  ]))
(impl_item body: (declaration_list (function_item name: (_) @name) @method))

(function_item name: (_) @name) @function
(function_signature_item name: (_) @name) @function
(type_item name: (_) @name) @type
(associated_type name: (_) @name) @type

(source_file [(const_item name: (identifier) @name) (static_item name: (_) @name)] @constant)
(declaration_list [(const_item name: (identifier) @name) (static_item name: (_) @name)] @constant)
