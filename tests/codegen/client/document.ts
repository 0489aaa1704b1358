// What a client takes out of a generated document: its result and its variables.
import type { TypedDocumentNode } from '@graphql-typed-document-node/core'

export type ResultOf<T> = T extends TypedDocumentNode<infer Result, infer _> ? Result : never
export type VariablesOf<T> = T extends TypedDocumentNode<infer _, infer Variables> ? Variables : never
