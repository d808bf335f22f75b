/* The product catalogue */
MODEL (
  name raw.products,
  kind SEED (
    path '../../seeds/products.csv'
  ),
  columns (
    product_id INT,
    product_name TEXT,
    category TEXT,
    list_price_cents INT
  ),
  column_descriptions (
    product_id = 'The product''s number',
    category = 'coffee, tea, equipment or extras',
    list_price_cents = 'Price of one piece today, in euro cents'
  ),
  grain product_id,
  owner 'data@shop.example',
  tags ('dagster:group_name:raw'),
  audits (
    unique_values(columns := (product_id)),
    accepted_values(column := category, is_in := ('coffee', 'tea', 'equipment', 'extras'))
  )
)
