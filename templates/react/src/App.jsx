import { useState } from "react";

const start = [
  { id: 1, text: "Open this project in a second window", done: false },
  { id: 2, text: "Type in both", done: false },
];

function Task({ task, onToggle }) {
  return (
    <li>
      <label className={task.done ? "done" : ""}>
        <input type="checkbox" checked={task.done} onChange={() => onToggle(task.id)} />
        {task.text}
      </label>
    </li>
  );
}

export function App() {
  const [tasks, setTasks] = useState(start);
  const [text, setText] = useState("");

  function add(event) {
    event.preventDefault();
    if (!text.trim()) return;
    setTasks([...tasks, { id: Date.now(), text: text.trim(), done: false }]);
    setText("");
  }

  function toggle(id) {
    setTasks(tasks.map((task) => (task.id === id ? { ...task, done: !task.done } : task)));
  }

  return (
    <main>
      <h1>To do together</h1>
      <ul>
        {tasks.map((task) => (
          <Task key={task.id} task={task} onToggle={toggle} />
        ))}
      </ul>
      <form onSubmit={add}>
        <input value={text} onChange={(event) => setText(event.target.value)} placeholder="And…" />
        <button>Add</button>
      </form>
    </main>
  );
}
