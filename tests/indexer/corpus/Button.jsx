import React, { useState } from 'react'

export const SIZES = ['small', 'large']

export default function Button({ label, onPress }) {
  const [pressed, setPressed] = useState(false)
  const press = () => {
    setPressed(true)
    onPress?.()
  }
  return (
    <button className={pressed ? 'down' : 'up'} onClick={press}>
      {label ?? <span>…</span>}
    </button>
  )
}

export const Toolbar = ({ children }) => <div role="toolbar">{children}</div>

export class Boundary extends React.Component {
  state = { failed: false }

  render() {
    return this.state.failed ? <p>Failed</p> : this.props.children
  }
}

export const Memo = React.memo(Button)
